// When the messages of a call reach its handler. Between the transport, which reads nothing more meanwhile, and the handler.

export interface RequestPacer {
  /** Whether a message of so many bytes may be handled at once. It counts then, and `next` is not asked for it. */
  passes(bytes: number): boolean;
  /** Calls `deliver`, once, now or later; or ends the call. Not asked again before that. `bytes`: of the message. */
  next(bytes: number, deliver: () => void): void;
  /** A message was sent to the client. */
  responded(): void;
}
