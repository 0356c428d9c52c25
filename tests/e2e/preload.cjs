'use strict';
/*
 * Sends what the published SDKs ask of their makers' hosts to the daemon under test (FS_LOCAL).
 *
 * Loaded with `node --require`, so the packages stay untouched. Node builds ask through
 * `https.request`, edge and browser builds through `globalThis.fetch`; both are looked up when they
 * are called. The Host header stays the original one, because it names the door. Nothing leaves this
 * machine: any other https host is refused. Each request that was sent is told to the process as the
 * event `redirected`, with what was sent and what came back.
 */
const http = require('node:http');
const https = require('node:https');
const { Readable } = require('node:stream');
const { urlToHttpOptions } = require('node:url');

const LOCAL = new URL(process.env.FS_LOCAL);
const THEIRS = /(^|\.)(flagship\.io|abtasty\.com)$/;
const kept = new http.Agent({ keepAlive: true });
const passed = globalThis.fetch;

function bare(options) {
  return String(options.hostname || options.host || 'localhost').replace(/:\d+$/, '');
}

function headersFor(host, given) {
  const headers = {};
  for (const [name, value] of Object.entries(given || {})) {
    if (name.toLowerCase() !== 'host' && value !== undefined) headers[name] = value;
  }
  return { ...headers, Host: host, 'X-Original-Host': host };
}

function tell(told) {
  process.emit('redirected', told);
}

/** Keep a copy of what is written to a request, for whoever listens to `redirected`. */
function overhear(request) {
  const chunks = [];
  for (const name of ['write', 'end']) {
    const original = request[name];
    request[name] = (chunk, ...others) => {
      if (chunk !== undefined && typeof chunk !== 'function') chunks.push(Buffer.from(chunk));
      return original.call(request, chunk, ...others);
    };
  }
  return () => Buffer.concat(chunks).toString('utf8');
}

function redirected(...given) {
  const callback = typeof given.at(-1) === 'function' ? given.pop() : undefined;
  const [first, second] = given;
  const isUrl = typeof first === 'string' || first instanceof URL;
  const asked = isUrl ? { ...urlToHttpOptions(new URL(first)), ...second } : { ...first };
  const host = bare(asked);
  if (!THEIRS.test(host)) throw new Error(`${host} is not on this machine`);
  const options = {
    method: asked.method,
    path: asked.path,
    headers: headersFor(host, asked.headers),
    signal: asked.signal,
    host: LOCAL.hostname,
    port: LOCAL.port,
    agent: asked.agent ? kept : false,
  };
  const told = { host, method: options.method || 'GET', path: options.path };
  told.headers = options.headers;
  const request = http.request(options, callback);
  const body = overhear(request);
  request.once('response', (response) => {
    tell({ ...told, body: body(), status: response.statusCode, answered: response.headers });
  });
  request.once('error', (error) => tell({ ...told, body: body(), error: error.message }));
  return request;
}

https.request = redirected;
https.get = (...given) => {
  const request = redirected(...given);
  request.end();
  return request;
};

/** `fetch` by way of `http`, because Node's own replaces the Host header. */
globalThis.fetch = async (input, init) => {
  const asked = new Request(input, init);
  const url = new URL(asked.url);
  if (!THEIRS.test(url.hostname)) return passed(asked);
  const body = Buffer.from(await asked.arrayBuffer());
  return new Promise((resolve, reject) => {
    const options = { method: asked.method, headers: Object.fromEntries(asked.headers) };
    const request = redirected(url, { ...options, signal: asked.signal }, (response) => {
      const { statusCode: status, headers } = response;
      const isEmpty = status === 204 || status === 304;
      if (isEmpty) response.resume();
      resolve(new Response(isEmpty ? null : Readable.toWeb(response), { status, headers }));
    });
    request.once('error', reject);
    request.end(body);
  });
};
