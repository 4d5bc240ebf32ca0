// Node's http, https and http2: node https_server.js 1|2 PORT [CERT KEY]. Writes `METHOD TARGET STATUS` for every answer.
const fs = require("node:fs");
const [version, port, certificate, key] = process.argv.slice(2);

function answer(request, response) {
  request.resume();
  request.on("end", () => {
    response.on("finish", () => console.log(request.method, request.url, response.statusCode));
    response.writeHead(request.url.startsWith("/fail") ? 500 : 200, { "Content-Type": "text/plain" });
    response.end("answer\n");
  });
}

const options = certificate ? { cert: fs.readFileSync(certificate), key: fs.readFileSync(key) } : {};
const servers = {
  1: () => require(certificate ? "node:https" : "node:http").createServer(options, answer),
  2: () => require("node:http2")[certificate ? "createSecureServer" : "createServer"](options, answer),
};
servers[version]().listen(Number(port), "127.0.0.1");
