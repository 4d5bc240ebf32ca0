// The test service on Node's http: node server.js PORT. Writes `METHOD TARGET STATUS` for every answer.
const http = require("node:http");
http
  .createServer((request, response) => {
    let length = 0;
    request.on("data", (part) => (length += part.length));
    request.on("end", () => {
      response.on("finish", () => console.log(request.method, request.url, response.statusCode));
      if (request.url.startsWith("/fail")) {
        response.writeHead(500, { "Content-Type": "text/plain" }).end("boom\n");
      } else if (request.url.startsWith("/stream")) {
        response.writeHead(200);
        response.write("one");
        setTimeout(() => response.end("two"), 5);
      } else {
        response.writeHead(200, { "Content-Type": "text/plain" });
        response.end(request.method === "POST" ? `${length}\n` : "hello\n");
      }
    });
  })
  .listen(Number(process.argv[2]), "127.0.0.1");
