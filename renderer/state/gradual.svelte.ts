/** How many of many elements are there: they come a few a task, for all of them at once would hold up the page. Made within a component. */
export class Gradual {
  private made = $state(0);
  private readonly wanted: () => number;

  /** `wanted`: all of them; `step`: those of one task. */
  constructor(wanted: () => number, step: number) {
    this.wanted = wanted;
    $effect(() => {
      const all = wanted();
      // A view that is hidden has no room for any, and makes them anew.
      if (this.made > all) this.made = all;
      if (this.made >= all) return;
      const timer = setTimeout(() => {
        this.made += step;
      });
      return () => clearTimeout(timer);
    });
  }
  get count(): number {
    return Math.min(this.made, this.wanted());
  }
}
