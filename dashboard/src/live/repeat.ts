/** Something that is done again and again, one time after the other, while somebody sees the page. */

/** Answers the seconds until the next time; 0: it is enough. Raises nothing. */
export type Work = (stopped: AbortSignal) => Promise<number>;

export class Repeated {
  private readonly ended = new AbortController();
  private timer = 0;
  private busy = false;
  private due = false;

  constructor(private readonly work: Work) {
    const { signal } = this.ended;
    document.addEventListener("visibilitychange", this.seen, { signal });
    void this.again();
  }

  /** At once, or behind what is being done: its answer may be of a moment before. */
  readonly again = async (): Promise<void> => {
    this.due = true;
    if (this.busy) return;
    this.busy = true;
    clearTimeout(this.timer);
    const { signal } = this.ended;
    let seconds = 0;
    while (this.due && !signal.aborted) {
      this.due = false;
      seconds = await this.work(signal);
    }
    this.busy = false;
    if (seconds && !signal.aborted) this.timer = window.setTimeout(this.turn, seconds * 1000);
  };

  stop(): void {
    this.ended.abort();
    clearTimeout(this.timer);
  }

  private readonly turn = () => {
    this.due = true;
    this.seen();
  };

  private readonly seen = () => {
    if (this.due && !document.hidden) void this.again();
  };
}
