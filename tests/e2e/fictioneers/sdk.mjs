/*
 * The published SDK `fictioneers`, doing what it is asked (see ../clients/talk.cjs).
 *
 * The package is as npm gives it. Where its requests go is said from outside: by the environment
 * (HTTPS_PROXY, NODE_EXTRA_CA_CERTS), or by `endpoint`, a property that is private to TypeScript
 * only. What it sends is overheard through Node's own diagnostics; nothing is replaced.
 */
import diagnostics from 'node:diagnostics_channel';

import axios from 'axios';
import * as sdk from 'fictioneers';

import talk from '../clients/talk.cjs';

const made = {};

diagnostics.subscribe('http.client.response.finish', ({ request, response }) => {
  talk.event('request', {
    method: request.method,
    host: request.getHeader('host'),
    path: request.path,
    headers: request.getHeaders(),
    status: response.statusCode,
    answered: response.headers,
  });
});

/** What a promise of the SDK came to: its answer, or what it threw. */
async function outcome(promise) {
  try {
    return { answer: (await promise) ?? null };
  } catch (error) {
    const { status = null, data = null } = error.response ?? {};
    return { thrown: error.message, code: error.code ?? null, status, body: data };
  }
}

talk.serve({
  exports: () => Object.keys(sdk),

  make({ name = 'it', apiKey, userId, endpoint }) {
    const client = new sdk.default({ apiKey, userId });
    if (endpoint) client._endpoint = endpoint;
    made[name] = client;
    return client.getUserId();
  },

  call: ({ name = 'it', method, given }) => outcome(made[name][method](given)),

  token: ({ name = 'it' }) => made[name].accessToken,

  /** The token is taken for one that has had its time. */
  outlive({ name = 'it' }) {
    made[name].accessTokenExpiry = 0;
  },

  /** From now on every request is decided at that instant (the server's test clock). */
  clock({ now }) {
    axios.defaults.headers.common['Callboard-Now'] = now;
  },

  /** Any page, by the very HTTP client that the SDK has. */
  get: ({ url }) => outcome(axios.get(url).then(({ status, data }) => ({ status, data }))),
});
