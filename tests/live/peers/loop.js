// An event loop: node loop.js PORT BACKEND. GET /slow is answered after a while; meanwhile it asks the backend once with the
// trace headers that it was given, and a timer that has nothing to do with it asks on its own.
const http = require("node:http");
const [port, backend] = process.argv.slice(2).map(Number);
const TRACE = ["traceparent", "b3", "x-b3-traceid", "x-b3-spanid", "uber-trace-id"];

function ask(path, headers = {}) {
  return new Promise((done) => {
    http.get({ host: "127.0.0.1", port: backend, path, headers }, (response) => response.resume().on("end", done));
  });
}

http
  .createServer(async (request, response) => {
    const given = Object.fromEntries(TRACE.filter((name) => request.headers[name]).map((name) => [name, request.headers[name]]));
    setTimeout(() => ask(`/ok?timer=${request.url.split("=")[1]}`), 50);
    await new Promise((done) => setTimeout(done, 150));
    await ask(`/ok?page=${request.url.split("=")[1]}`, given);
    response.end("done\n");
  })
  .listen(port, "127.0.0.1");
