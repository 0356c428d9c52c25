'use strict';
/*
 * The part of the browsers' EventSource that OpenFeature's web provider uses, for Node versions that
 * have none: events with id and data, and coming back with Last-Event-ID.
 */
class EventSource extends EventTarget {
  static opened = () => {};
  static CONNECTING = 0;
  static OPEN = 1;
  static CLOSED = 2;

  constructor(url) {
    super();
    this.url = url;
    this.readyState = EventSource.CONNECTING;
    this.lastId = '';
    this.retryMs = 100;
    this.abort = new AbortController();
    this.run();
  }

  async run() {
    while (this.readyState !== EventSource.CLOSED) {
      try {
        await this.listen();
      } catch {
        // A broken connection is what coming back is for.
      }
      if (this.readyState === EventSource.CLOSED) return;
      this.readyState = EventSource.CONNECTING;
      this.dispatchEvent(new Event('error'));
      await new Promise((resolve) => setTimeout(resolve, this.retryMs));
    }
  }

  async listen() {
    const headers = { accept: 'text/event-stream' };
    if (this.lastId) headers['last-event-id'] = this.lastId;
    const response = await fetch(this.url, { headers, signal: this.abort.signal });
    const type = response.headers.get('content-type') ?? '';
    if (response.status !== 200 || !type.startsWith('text/event-stream')) {
      this.readyState = EventSource.CLOSED;
      this.dispatchEvent(new Event('error'));
      return;
    }
    this.readyState = EventSource.OPEN;
    EventSource.opened(this.url);
    this.dispatchEvent(new Event('open'));
    let waiting = '';
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      const blocks = (waiting + chunk).split(/\r?\n\r?\n/);
      waiting = blocks.pop();
      for (const block of blocks) this.take(block);
    }
  }

  take(block) {
    const fields = { event: 'message', data: [] };
    for (const line of block.split(/\r?\n/)) {
      const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line);
      if (name === 'data') fields.data.push(value);
      else if (name === 'id') this.lastId = value;
      else if (name === 'event') fields.event = value;
    }
    if (fields.data.length === 0) return;
    const data = fields.data.join('\n');
    this.dispatchEvent(new MessageEvent(fields.event, { data, lastEventId: this.lastId }));
  }

  close() {
    this.readyState = EventSource.CLOSED;
    this.abort.abort();
  }
}

module.exports = { EventSource };
