// Why a pod is not injected although it is to be, or why a configuration of the injection is not taken.

export type InjectErrorCode =
  /** The body is not an AdmissionReview of a pod's creation. */
  | 'invalid-review'
  /** The pod itself can't be read. */
  | 'invalid-pod'
  /** An annotation has a value that can't be obeyed. */
  | 'invalid-annotation'
  /** The pod names a template that does not exist. */
  | 'unknown-template'
  /** The ConfigMap of the injection says something that can't be obeyed. */
  | 'invalid-settings'
  /** A namespace or pod asks for a revision that no instance serves. */
  | 'unknown-revision';

/** The message is one or more sentences for whoever wrote the pod: what is wrong, where, and what to write instead. */
export class InjectError extends Error {
  override readonly name = 'InjectError';
  readonly code: InjectErrorCode;

  constructor(code: InjectErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
