// What went wrong with a call, in the relay's words or, where it said none, in ours.

/** A call that did not succeed. `code` is the relay's stable word, or `unreachable`. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string | undefined;
  readonly details: unknown;
  /** Not before so many milliseconds, if the relay said so. */
  readonly retryAfter: number | undefined;

  constructor(
    status: number,
    code: string,
    message: string,
    more: { hint?: string; details?: unknown; retryAfter?: number } = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.hint = more.hint;
    this.details = more.details;
    this.retryAfter = more.retryAfter;
  }

  /** Reads the answer of a call that was refused. A proxy in between may have answered with anything. */
  static async of(response: Response): Promise<Problem> {
    const seconds = Number(response.headers.get("retry-after"));
    const retryAfter = seconds > 0 ? { retryAfter: seconds * 1000 } : {};
    try {
      const { error } = JSON.parse(await response.text()) as {
        error: { code: string; message: string; hint?: string; details?: unknown };
      };
      return new Problem(response.status, error.code, error.message, {
        ...(error.hint ? { hint: error.hint } : {}),
        details: error.details,
        ...retryAfter,
      });
    } catch {
      return new Problem(response.status, "unexpected", `The relay answered with ${response.status}.`, retryAfter);
    }
  }

  /** Says what an exception of `fetch` means. */
  static from(error: unknown): Problem {
    if (error instanceof Problem) return error;
    const timeout = error instanceof DOMException && error.name === "TimeoutError";
    return new Problem(
      0,
      "unreachable",
      timeout ? "The relay did not answer in time." : "The relay cannot be reached.",
      {
        hint: "Nothing you typed is lost. Try again when the connection is back.",
      },
    );
  }
}
