/** Regions that were made for other code spaces, of pages that have not run here: kept until they do. */

/** Regions that are kept at most; beyond it the pages that came first go. */
const KEPT = 4096;

export class Offers<T> {
  private readonly byPage = new Map<number, T[]>();
  private readonly bound: number;
  private count = 0;

  constructor(bound = KEPT) {
    this.bound = bound;
  }
  /** Keeps one for the page at a host address. */
  add(host: number, offer: T): void {
    const list = this.byPage.get(host);
    if (list) list.push(offer);
    else this.byPage.set(host, [offer]);
    this.count++;
    for (const [first] of this.byPage) {
      if (this.count <= this.bound) break;
      this.take(first);
    }
  }
  /** All that are there for a page; they are kept no longer. */
  take(host: number): readonly T[] {
    const list = this.byPage.get(host) ?? [];
    this.byPage.delete(host);
    this.count -= list.length;
    return list;
  }
}
