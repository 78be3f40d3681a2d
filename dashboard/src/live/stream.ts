/** Server-sent events as text arrives: the format of the WHATWG HTML standard, section 9.2. */
import type { JobEvent } from "../api/types";

export class EventParser {
  private rest = "";
  private id = "";
  private type = "";
  private data: string[] = [];

  /** The events that `text` completes. */
  read(text: string): JobEvent[] {
    const lines = (this.rest + text).split("\n");
    this.rest = lines.pop() ?? "";
    return lines.flatMap((line) => this.line(line.replace(/\r$/, "")));
  }

  private line(line: string): JobEvent[] {
    if (line === "") return this.finish();
    const colon = line.indexOf(":");
    if (colon === 0) return []; // a comment: the stream is alive
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "id") this.id = value;
    else if (field === "event") this.type = value;
    else if (field === "data") this.data.push(value);
    return [];
  }

  private finish(): JobEvent[] {
    const { id, type, data } = this;
    this.type = "";
    this.data = [];
    if (!data.length) return [];
    return [{ id, type: type || "message", data: JSON.parse(data.join("\n")) }];
  }
}
