// What the DNS server counts. Rendered as Prometheus reads it.

export type DnsCounter =
  /** Questions that were read. */
  | 'requests_total'
  /** Answered from the name table. */
  | 'answered_total'
  /** Passed on to another resolver. */
  | 'upstream_requests_total'
  /** An answer of a resolver that was not waited for in vain. */
  | 'upstream_failures_total'
  /** Answered with SERVFAIL, for whatever reason. */
  | 'failures_total'
  /** Not even a header, or no question. */
  | 'garbage_total'
  /** Answered with an error, because nobody could understand them. */
  | 'refused_total'
  /** More at once than is served: SERVFAIL, or a connection that was closed. */
  | 'overflow_total'
  /** Answers that were cut, so that the client asks again over TCP. */
  | 'truncated_total'
  /** Name tables received. */
  | 'tables_total';

const help: Readonly<Record<DnsCounter, string>> = Object.freeze({
  requests_total: 'Questions that were read.',
  answered_total: 'Questions answered from the name table.',
  upstream_requests_total: 'Questions passed on to another resolver.',
  upstream_failures_total: 'Tries at a resolver that gave no answer, or one that it failed.',
  failures_total: 'Questions answered with SERVFAIL.',
  garbage_total: 'Packets that are no question and were not answered.',
  refused_total: 'Questions answered with an error because they are malformed or not supported.',
  overflow_total: 'Questions and connections beyond what is served at once.',
  truncated_total: 'Answers that were cut to what the client takes over UDP.',
  tables_total: 'Name tables received from the control plane.',
});

export class DnsCounters {
  readonly #counts = new Map<DnsCounter, number>();

  add(counter: DnsCounter): void {
    this.#counts.set(counter, this.get(counter) + 1);
  }

  get(counter: DnsCounter): number {
    return this.#counts.get(counter) ?? 0;
  }

  /** All of them, zeros too. */
  values(): Readonly<Record<DnsCounter, number>> {
    return {
      requests_total: this.get('requests_total'),
      answered_total: this.get('answered_total'),
      upstream_requests_total: this.get('upstream_requests_total'),
      upstream_failures_total: this.get('upstream_failures_total'),
      failures_total: this.get('failures_total'),
      garbage_total: this.get('garbage_total'),
      refused_total: this.get('refused_total'),
      overflow_total: this.get('overflow_total'),
      truncated_total: this.get('truncated_total'),
      tables_total: this.get('tables_total'),
    };
  }

  /** Text exposition format; every name starts with `isthmus_agent_dns_`. */
  render(): string {
    const words: ReadonlyMap<string, string> = new Map(Object.entries(help));
    return Object.entries(this.values())
      .map(([name, value]) => {
        const full = `isthmus_agent_dns_${name}`;
        return `# HELP ${full} ${words.get(name) ?? ''}\n# TYPE ${full} counter\n${full} ${String(value)}\n`;
      })
      .join('');
  }
}
