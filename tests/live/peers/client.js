// Asks with Node's http, https or http2 on one connection: node client.js BASE 1|2.
const [base, version] = process.argv.slice(2);
const targets = [
  ["GET", "/ok?node=1"],
  ["GET", "/fail?node=2"],
  ["POST", "/missing?node=3", "some=form"],
  ["GET", "/file.bin?node=4"],
];

function one(agent, [method, path, body]) {
  const module = require(base.startsWith("https") ? "node:https" : "node:http");
  return new Promise((done, fail) => {
    const options = { agent, method, rejectUnauthorized: false, headers: body ? { "content-length": body.length } : {} };
    const request = module.request(base + path, options, (response) => response.resume().on("end", done));
    request.on("error", fail).end(body);
  });
}

function two(session, [method, path, body]) {
  return new Promise((done, fail) => {
    const stream = session.request({ ":method": method, ":path": path });
    stream.on("error", fail).on("end", done).resume().end(body);
  });
}

async function main() {
  if (version === "2") {
    const session = require("node:http2").connect(base, { rejectUnauthorized: false });
    for (const target of targets) await two(session, target);
    session.close();
  } else {
    const { Agent } = require(base.startsWith("https") ? "node:https" : "node:http");
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (const target of targets) await one(agent, target);
    agent.destroy();
  }
}

main();
