// The one error of the administrative HTTP side: it could not listen.

export class AdminError extends Error {
  override readonly name = 'AdminError';
  readonly code: 'address-in-use' | 'listen-failed';

  constructor(code: AdminError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
