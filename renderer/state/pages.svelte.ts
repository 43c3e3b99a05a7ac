import { untrack } from 'svelte';

/** Rows of a long list that the host has, fetched by pages when they come into sight. */
const PAGE = 100;
/** Pages that are kept. */
const KEPT = 120;

export interface Slice<Row> {
  readonly first: number;
  readonly total: number;
  readonly rows: readonly Row[];
}

interface Page<Row> {
  /** Without those that are kept no more. */
  readonly rows: readonly (Row | undefined)[];
  /** Rows up to here were there, or kept no more, when it was fetched. */
  readonly upTo: number;
}

export class Pages<Row> {
  total = $state(0);
  error: unknown = $state.raw(null);
  private pages: ReadonlyMap<number, Page<Row>> = $state.raw(new Map());
  private readonly asked = new Set<number>();
  private readonly fetch: (first: number, count: number) => Promise<Slice<Row>>;

  constructor(fetch: (first: number, count: number) => Promise<Slice<Row>>) {
    this.fetch = fetch;
  }

  get(index: number): Row | undefined {
    return this.pages.get(Math.floor(index / PAGE))?.rows[index % PAGE];
  }
  /** It was asked for, and the host has it no more. */
  isGone(index: number): boolean {
    const page = this.pages.get(Math.floor(index / PAGE));
    return page !== undefined && index < page.upTo && page.rows[index % PAGE] === undefined;
  }
  /** Fetches what is missing of these rows. */
  want(first: number, last: number): void {
    for (let page = Math.floor(first / PAGE); page <= Math.floor(Math.max(first, last - 1) / PAGE); page++) {
      const known = this.pages.get(page);
      if (known && known.upTo >= Math.min(this.total, (page + 1) * PAGE)) continue;
      void this.load(page);
    }
  }
  /** There may be more rows. An effect that calls it does not run again because there are. */
  async refresh(): Promise<void> {
    await this.load(Math.floor(Math.max(0, untrack(() => this.total) - 1) / PAGE));
  }
  private async load(page: number): Promise<void> {
    if (this.asked.has(page)) return;
    this.asked.add(page);
    try {
      const { first, total, rows } = await this.fetch(page * PAGE, PAGE);
      const placed: (Row | undefined)[] = [];
      rows.forEach((row, n) => {
        placed[first - page * PAGE + n] = row;
      });
      const upTo = Math.min(total, (page + 1) * PAGE);
      const pages = new Map(this.pages).set(page, { rows: placed, upTo });
      while (pages.size > KEPT) pages.delete(pages.keys().next().value!);
      this.pages = pages;
      this.total = total;
      this.error = null;
    } catch (error) {
      this.error = error;
    } finally {
      this.asked.delete(page);
    }
  }
}
