/** Rows of a long list that the host has, fetched by pages when they come into sight. */
const PAGE = 200;
/** Pages that are kept. */
const KEPT = 60;

export interface Slice<Row> {
  readonly first: number;
  readonly total: number;
  readonly rows: readonly Row[];
}

export class Pages<Row> {
  total = $state(0);
  error: unknown = $state.raw(null);
  private pages: ReadonlyMap<number, readonly (Row | undefined)[]> = $state.raw(new Map());
  private readonly asked = new Set<number>();
  private readonly fetch: (first: number, count: number) => Promise<Slice<Row>>;

  constructor(fetch: (first: number, count: number) => Promise<Slice<Row>>) {
    this.fetch = fetch;
  }

  get(index: number): Row | undefined {
    return this.pages.get(Math.floor(index / PAGE))?.[index % PAGE];
  }
  /** Fetches what is missing of these rows. */
  want(first: number, last: number): void {
    for (let page = Math.floor(first / PAGE); page <= Math.floor(Math.max(first, last - 1) / PAGE); page++) {
      const rows = this.pages.get(page);
      const full = Math.min(PAGE, this.total - page * PAGE);
      if (rows && rows.length >= full) continue;
      void this.load(page);
    }
  }
  /** There may be more rows. */
  async refresh(): Promise<void> {
    await this.load(Math.floor(Math.max(0, this.total - 1) / PAGE));
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
      const pages = new Map(this.pages).set(page, placed);
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
