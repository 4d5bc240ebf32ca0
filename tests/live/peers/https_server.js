// Node's https: node https_server.js PORT CERT KEY. Writes `METHOD TARGET STATUS` for every answer.
const fs = require("node:fs");
const https = require("node:https");
const [port, cert, key] = process.argv.slice(2);
https
  .createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) }, (request, response) => {
    request.resume();
    request.on("end", () => {
      response.on("finish", () => console.log(request.method, request.url, response.statusCode));
      response.writeHead(request.url.startsWith("/fail") ? 500 : 200, { "Content-Type": "text/plain" });
      response.end("answer\n");
    });
  })
  .listen(Number(port), "127.0.0.1");
