// A Prometheus histogram for what happens on every push to every proxy: an observation is one addition in a plain array,
// where prom-client would check labels and make up a key out of them; the text is made when Prometheus asks.

import { Histogram, type Registry } from 'prom-client';

export interface TallyHistogramOptions {
  readonly name: string;
  readonly help: string;
  /** Upper bounds, rising. */
  readonly buckets: readonly number[];
  /** Absent: one series without labels. */
  readonly label?: string | undefined;
  readonly registry: Registry;
}

interface Series {
  /** Observations up to each bound and above the one before; the last is above all bounds. */
  readonly counts: number[];
  sum: number;
}

interface Sample {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

export class TallyHistogram extends Histogram {
  readonly #options: TallyHistogramOptions;
  /** Name, help and type as prom-client says them. */
  readonly #described: Histogram;
  /** By the label's value; empty without a label. */
  readonly #series = new Map<string, Series>();

  constructor(options: TallyHistogramOptions) {
    const { name, help, buckets, registry } = options;
    super({ name, help, buckets: [...buckets], registers: [registry] });
    this.#options = options;
    this.#described = new Histogram({ name, help, registers: [] });
    if (options.label === undefined) this.#add('');
  }

  /** `labelValue`: empty where there is no label. */
  tally(labelValue: string, value: number): void {
    const series = this.#series.get(labelValue) ?? this.#add(labelValue);
    const { buckets } = this.#options;
    let index = 0;
    while (index < buckets.length && value > (buckets[index] ?? 0)) index += 1;
    series.counts[index] = (series.counts[index] ?? 0) + 1;
    series.sum += value;
  }

  override async get(): ReturnType<Histogram['get']> {
    return this.getForPromString();
  }

  /** What the registry asks for instead of `get` when it writes its page. */
  async getForPromString(): ReturnType<Histogram['get']> {
    return { ...(await this.#described.get()), values: [...this.#samples()] };
  }

  *#samples(): Generator<Sample> {
    const { name, buckets, label } = this.#options;
    for (const [labelValue, { counts, sum }] of this.#series) {
      const labels = label === undefined ? {} : { [label]: labelValue };
      let count = 0;
      for (const [index, counted] of counts.entries()) {
        count += counted;
        yield { metricName: `${name}_bucket`, labels: { le: buckets[index] ?? '+Inf', ...labels }, value: count };
      }
      yield { metricName: `${name}_sum`, labels, value: sum };
      yield { metricName: `${name}_count`, labels, value: count };
    }
  }

  #add(labelValue: string): Series {
    const series = { counts: Array.from({ length: this.#options.buckets.length + 1 }, () => 0), sum: 0 };
    this.#series.set(labelValue, series);
    return series;
  }
}
