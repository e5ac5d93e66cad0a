'use strict';
// node:http, an http.Agent that keeps its connections, Promise.all.
const http = require('node:http');

const upstreamPort = Number(process.env.UPSTREAM_PORT);
const agent = new http.Agent({ keepAlive: true, maxSockets: 1024, maxFreeSockets: 1024, scheduling: 'lifo' });
const options = { host: '127.0.0.1', port: upstreamPort, path: '/u/1KB', agent };

function fetchOne() {
  return new Promise((resolve, reject) => {
    const req = http.get(options, (res) => {
      if (res.statusCode !== 200) {
        res.resume();
        reject(new Error(`upstream status ${res.statusCode}`));
        return;
      }
      const chunks = [];
      res.on('data', (chunk) => chunks.push(chunk));
      res.on('end', () => resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)));
      res.on('error', reject);
    });
    req.on('error', reject);
  });
}

async function gather(n, res) {
  try {
    const parts = await Promise.all(Array.from({ length: n }, fetchOne));
    const pieces = [];
    parts.forEach((part, i) => {
      pieces.push(Buffer.from(`${i === 0 ? '{' : ','}"k${i}":`), part);
    });
    pieces.push(Buffer.from('}'));
    const body = Buffer.concat(pieces);
    res.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length });
    res.end(body);
  } catch (err) {
    res.writeHead(502);
    res.end(String(err));
  }
}

http.createServer((req, res) => {
  switch (req.url) {
    case '/hello':
      res.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': 13 });
      res.end('Hello, World!');
      break;
    case '/gather1': gather(1, res); break;
    case '/gather8': gather(8, res); break;
    case '/gather32': gather(32, res); break;
    default: res.writeHead(404); res.end();
  }
}).listen(Number(process.env.PORT), '127.0.0.1');
