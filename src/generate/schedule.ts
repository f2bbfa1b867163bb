/** A queue by time: a binary heap. Items of equal time leave in an order that depends on the calls alone. */
export class Schedule<T> {
  readonly #times: number[] = [];
  readonly #items: T[] = [];

  get size(): number {
    return this.#times.length;
  }

  /** Time of the first item, Infinity where there is none. */
  get nextTime(): number {
    return this.#times[0] ?? Number.POSITIVE_INFINITY;
  }

  add(time: number, item: T): void {
    let at = this.#times.length;
    this.#times.push(time);
    this.#items.push(item);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#times[parent]! <= time) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#put(at, time, item);
  }

  /** Removes and returns the item of `nextTime`, undefined where there is none. */
  take(): T | undefined {
    const first = this.#items[0];
    const time = this.#times.pop();
    const item = this.#items.pop();
    if (time !== undefined && this.#times.length > 0) this.#sink(time, item as T);
    return first;
  }

  #sink(time: number, item: T): void {
    const { length } = this.#times;
    let at = 0;
    for (let child = 1; child < length; child = 2 * at + 1) {
      if (child + 1 < length && this.#times[child + 1]! < this.#times[child]!) child++;
      if (this.#times[child]! >= time) break;
      this.#move(child, at);
      at = child;
    }
    this.#put(at, time, item);
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#times[from]!, this.#items[from]!);
  }

  #put(at: number, time: number, item: T): void {
    this.#times[at] = time;
    this.#items[at] = item;
  }
}
