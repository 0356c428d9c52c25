'use strict';
/*
 * How a client under test is spoken to: one JSON object per line.
 *
 * In: `{"id": 1, "do": "start", "with": {...}}`. Out: `{"id": 1, "ok": ...}` or
 * `{"id": 1, "error": "..."}`, and `{"event": "...", ...}` whenever something happened. What the
 * client prints itself goes to stderr. The process ends when its input does.
 */
const { Console } = require('node:console');
const readline = require('node:readline');

globalThis.console = new Console(process.stderr);

function say(told) {
  process.stdout.write(JSON.stringify(told) + '\n');
}

function event(name, told) {
  say({ event: name, ...told });
}

/** Carry out what is asked, one after the other. */
function serve(actions) {
  let last = Promise.resolve();
  async function carryOut(line) {
    const { id, do: name, with: given } = JSON.parse(line);
    try {
      if (!(name in actions)) throw new Error(`no such action: ${name}`);
      say({ id, ok: (await actions[name](given ?? {})) ?? null });
    } catch (error) {
      say({ id, error: String(error?.stack ?? error) });
    }
  }
  const lines = readline.createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    last = last.then(() => carryOut(line));
  });
  lines.on('close', () => last.then(() => process.exit(0)));
  process.on('redirected', (told) => event('request', told));
  say({ event: 'ready' });
}

module.exports = { event, say, serve };
