/** How many of many elements are there: they come a few a frame, for all of them at once would hold up the page. Made within a component. */
export class Gradual {
  private made = $state(0);
  private readonly wanted: () => number;

  /** `wanted`: all of them; `step`: those of one frame. */
  constructor(wanted: () => number, step: number) {
    this.wanted = wanted;
    $effect(() => {
      const all = wanted();
      // A view that is hidden has no room for any, and makes them anew.
      if (this.made > all) this.made = all;
      if (this.made >= all) return;
      // Behind the frame that shows what there is: tasks come faster than frames, which would lay out all of them together.
      let timer: ReturnType<typeof setTimeout> | undefined;
      const frame = requestAnimationFrame(() => {
        timer = setTimeout(() => {
          this.made += step;
        });
      });
      return () => {
        cancelAnimationFrame(frame);
        clearTimeout(timer);
      };
    });
  }
  get count(): number {
    return Math.min(this.made, this.wanted());
  }
}
