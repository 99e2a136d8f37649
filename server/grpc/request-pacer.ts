// When the messages of a call reach its handler. Between the transport, which reads nothing more meanwhile, and the handler.

export interface RequestPacer {
  /** Whether a message of so many bytes may be handled at once. It counts then, and `next` is not asked for it. */
  passes(bytes: number): boolean;
  /** Calls `deliver`, once, now or later; or ends the call. Not asked again before that. `bytes`: of the message. */
  next(bytes: number, deliver: () => void): void;
  /** Of the message that comes, so many bytes have come and are held. It may end the call. */
  holds(bytes: number): void;
  /** A message was sent to the client. */
  responded(): void;
  /** The call has ended: nothing of it is held any more. Told once. */
  ended(): void;
}
