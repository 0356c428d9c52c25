'use strict';
/*
 * The published JavaScript SDK, doing what it is asked on its input (see talk.cjs).
 *
 * Started directly it is a CommonJS user of the package named on the command line; flagship.mjs is
 * the ES module one. Everything the SDK tells through its callbacks is passed on as an event.
 */
const { event, serve } = require('./talk.cjs');

const names = { 0: 'NOT_INITIALIZED', 1: 'INITIALIZING', 2: 'PANIC', 3: 'INITIALIZED' };

function run(sdk) {
  const { Flagship, DecisionMode } = sdk;
  const visitors = new Map();
  const of = (name) => visitors.get(name ?? 'visitor') ?? Flagship.getVisitor();

  function callbacks() {
    return {
      onSdkStatusChanged: (status) => event('sdk', { status: names[status] }),
      onBucketingUpdated: (at) => event('updated', { at: new Date(at).toISOString() }),
      onBucketingSuccess: (told) => event('polled', { status: told?.status ?? null }),
      onBucketingFail: (error) => event('failed', { message: error?.message ?? String(error) }),
      onVisitorExposed: (told) => event('exposed', told),
      onLog: (level, tag, message) => event('log', { level, tag, message: String(message) }),
    };
  }

  function identity(visitor) {
    return {
      visitorId: visitor.visitorId,
      anonymousId: visitor.anonymousId ?? null,
      context: visitor.context,
      status: visitor.flagsStatus ?? visitor.fetchStatus,
    };
  }

  function flag(visitor, key, otherwise, exposed) {
    const found = visitor.getFlag(key);
    const value = found.getValue(otherwise, exposed);
    return { value, exists: found.exists(), status: found.status, metadata: found.metadata };
  }

  function assigned(visitor) {
    const found = {};
    for (const each of visitor.getFlags().toJSON()) {
      found[each.key] = [each.campaignId, each.variationGroupId, each.variationId];
    }
    return found;
  }

  return {
    /** What the package exports, and which one it is. */
    exports: () => Object.keys(sdk).sort(),
    async start({ env, key, mode = 'DECISION_API', config = {} }) {
      const shown = { decisionMode: DecisionMode[mode], logLevel: 0, ...callbacks(), ...config };
      await Flagship.start(env, key, shown);
      return names[Flagship.getStatus()];
    },
    status: () => names[Flagship.getStatus()],
    today: () => new Date().toDateString(),
    config: () => {
      const { decisionMode, envId, timeout, pollingInterval, fetchNow } = Flagship.getConfig();
      return { decisionMode, envId, timeout, pollingInterval, fetchNow };
    },
    visitor({ name = 'visitor', ...given }) {
      const visitor = Flagship.newVisitor({
        fetchNow: false,
        shouldSaveInstance: true,
        ...given,
        onFlagsStatusChanged: ({ status, reason }) => event('flags', { name, status, reason }),
        onFetchFlagsStatusChanged: ({ status, reason }) => event('flags', { name, status, reason }),
      });
      visitors.set(name, visitor);
      return identity(visitor);
    },
    identity: ({ name }) => identity(of(name)),
    async fetch({ name }) {
      await of(name).fetchFlags();
      return { ...identity(of(name)), sdk: names[Flagship.getStatus()] };
    },
    /** Values by key; `defaults` maps each key to the default value it is asked with. */
    values({ name, defaults, exposed = false }) {
      const asked = Object.entries(defaults);
      return Object.fromEntries(
        asked.map(([key, otherwise]) => [key, flag(of(name), key, otherwise, exposed)]),
      );
    },
    async expose({ name, key }) {
      const found = of(name).getFlag(key);
      found.getValue(null, false);
      await found.visitorExposed();
    },
    assigned: ({ name }) => assigned(of(name)),
    /** The assignments of many visitors, each made and fetched in turn. */
    async survey({ visitors: asked, consent = true }) {
      const found = {};
      for (const { visitorId, context } of asked) {
        const given = { visitorId, context, hasConsented: consent, fetchNow: false };
        const visitor = Flagship.newVisitor({ shouldSaveInstance: false, ...given });
        await visitor.fetchFlags();
        found[visitorId] = assigned(visitor);
      }
      return found;
    },
    context({ name, values }) {
      of(name).updateContext(values);
      return identity(of(name));
    },
    authenticate({ name, id }) {
      of(name).authenticate(id);
      return identity(of(name));
    },
    unauthenticate({ name }) {
      of(name).unauthenticate();
      return identity(of(name));
    },
    consent: ({ name, given }) => of(name).setConsent(given),
    hits: ({ name, hits }) => of(name).sendHits(hits),
    close: () => Flagship.close(),
  };
}

module.exports = { run };

if (require.main === module) serve(run(require(process.argv[2])));
