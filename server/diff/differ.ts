// Questions of what would change, one at a time: each is worked off in slices, a few wait, and further ones are refused.

import { inSlices } from './slices.ts';
import type { DiffInstance } from './compare-classes.ts';
import { predict } from './predict.ts';
import type { DiffReport } from './diff-report.ts';
import { readQuestion } from './read-question.ts';

export interface DiffRequest {
  /** Lines as `read-question.ts` has them. */
  readonly body: string;
  readonly prune: boolean;
  readonly proxy?: string | undefined;
}

const maxWaiting = 4;

export class Differ {
  readonly #instance: DiffInstance;
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(instance: DiffInstance) {
    this.#instance = instance;
  }

  /** Undefined when too many wait already. Rejects with QuestionError, or with the signal's reason when it aborts. */
  ask(request: DiffRequest, signal: AbortSignal): Promise<DiffReport> | undefined {
    if (this.#waiting >= maxWaiting) return undefined;
    this.#waiting += 1;
    const answer = this.#last.then(() => inSlices(this.#answer(request), signal));
    this.#last = answer.then(
      () => this.#done(),
      () => this.#done(),
    );
    return answer;
  }

  *#answer({ body, prune, proxy }: DiffRequest): Generator<undefined, DiffReport> {
    const edits = yield* readQuestion(body);
    return yield* predict({ edits, prune, proxy }, this.#instance);
  }

  #done(): void {
    this.#waiting -= 1;
  }
}
