'use strict';
/*
 * OpenFeature's two published remote providers, doing what they are asked (see talk.cjs).
 *
 * The argument is `server` (one flag per request) or `web` (all flags at once, kept and refreshed).
 */
const { EventSource } = require('./event_source.cjs');
const { event, serve } = require('./talk.cjs');

/** `fetch`, telling what was sent and what came back. */
async function overheard(input, init) {
  const request = new Request(input, init);
  const told = { method: request.method, url: request.url };
  told.headers = Object.fromEntries(request.headers);
  const response = await fetch(request);
  const answered = Object.fromEntries(response.headers);
  event('request', { ...told, status: response.status, answered });
  return response;
}

function optionsFor({ url, key, ...others }) {
  const headers = key ? [['x-api-key', key]] : [];
  return { baseUrl: url, headers, fetchImplementation: overheard, ...others };
}

const SHORT = { boolean: 'Boolean', string: 'String', number: 'Number', object: 'Object' };

function server() {
  const { OpenFeature } = require('@openfeature/server-sdk');
  const { OFREPProvider } = require('@openfeature/ofrep-provider');
  return {
    async start(options) {
      await OpenFeature.setProviderAndWait(new OFREPProvider(optionsFor(options)));
    },
    evaluate({ key, otherwise, context }) {
      const method = `get${SHORT[typeof otherwise]}Details`;
      return OpenFeature.getClient()[method](key, otherwise, context);
    },
    close: () => OpenFeature.close(),
  };
}

function web() {
  globalThis.EventSource = EventSource;
  EventSource.opened = (url) => event('streaming', { url });
  const { ClientProviderEvents, OpenFeature } = require('@openfeature/web-sdk');
  const { OFREPWebProvider } = require('@openfeature/ofrep-web-provider');
  return {
    async start({ context, ...options }) {
      for (const name of ['Ready', 'Error', 'Stale', 'ConfigurationChanged']) {
        OpenFeature.addHandler(ClientProviderEvents[name], (told) => event(name, { told }));
      }
      await OpenFeature.setContext(context);
      const provider = new OFREPWebProvider({ cacheMode: 'disabled', ...optionsFor(options) });
      await OpenFeature.setProviderAndWait(provider);
    },
    evaluate({ key, otherwise }) {
      const method = `get${SHORT[typeof otherwise]}Details`;
      return OpenFeature.getClient()[method](key, otherwise);
    },
    context: ({ context }) => OpenFeature.setContext(context),
    close: () => OpenFeature.close(),
  };
}

serve({ server, web }[process.argv[2]]());
