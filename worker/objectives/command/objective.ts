// A command declaration as an objective: one process a thread, lines of JSON. Retries are the runner's; a process that
// crashed or hung is replaced with the next request.
import { messageOf } from '../../../shared/errors.js';
import type {
  Evaluation,
  EvaluationContext,
  EvaluationFailure,
  ObjectiveDefinition,
  TensorArray,
} from '../../../shared/objectives/types.js';
import { type Clock, systemClock } from '../../../shared/ports.js';
import { EvaluationTimeout } from '../failures.js';
import type { CommandDeclaration } from './declaration.js';
import {
  type Answer,
  batchLine,
  type CommandMember,
  lineBytes,
  type MemberAnswer,
  readAnswer,
  requestLine,
  type Shapes,
} from './lines.js';
import { CommandProcess } from './process.js';

/** A line holds at most about this many bytes of members (at least one). */
const BATCH_BYTES = 16 * 1024 * 1024;

/** A thread's process and the request that is open in it. */
class Session {
  readonly process: CommandProcess;
  readonly #timeout: number | null;
  #id = 0;
  #answer: Answer | null = null;

  constructor(declaration: CommandDeclaration, clock: Clock, log: (message: string) => void) {
    const { command, folder, env, startTimeout } = declaration;
    this.#timeout = declaration.timeout;
    const accepts = (line: string): boolean => this.#accept(line);
    this.process = new CommandProcess({ command, folder, env, startTimeout, clock, log, accepts });
  }

  /** Sends one line for `members` members and returns their answers, as many. */
  async ask(
    line: (id: number) => Iterable<string>,
    members: number,
    signal: AbortSignal,
  ): Promise<readonly MemberAnswer[]> {
    await this.process.idle(signal);
    this.#id += 1;
    this.#answer = null;
    await this.process.ask(line(this.#id), this.#timeout === null ? null : this.#timeout * members, signal);
    const answer = this.#take();
    if (answer.kind === 'error') throw new Error(answer.error);
    if (answer.values.length !== members) {
      throw new Error(`the command answered ${answer.values.length} values to ${members} members`);
    }
    return answer.values;
  }

  #take(): Answer {
    if (this.#answer === null) throw new Error('the command gave no answer');
    return this.#answer;
  }

  #accept(line: string): boolean {
    const answer = readAnswer(line);
    if (answer?.id !== this.#id) return false;
    this.#answer = answer;
    return true;
  }
}

type Context = EvaluationContext<Session>;
interface Member {
  readonly parameters: Record<string, TensorArray>;
  readonly context: Context;
}

export function commandObjective(
  declaration: CommandDeclaration,
  clock: Clock = systemClock,
): ObjectiveDefinition<Session> {
  const { encoding } = declaration;
  const shapes: Shapes = Object.fromEntries(
    Object.entries(declaration.parameters).map(([name, { shape }]) => [name, shape]),
  );

  const evaluate = async (parameters: Record<string, TensorArray>, context: Context): Promise<Evaluation> => {
    const { resource, options, signal } = context;
    const member = memberOf({ parameters, context });
    const line = (id: number) => requestLine(id, member, options, encoding, shapes);
    const [value] = await resource.ask(line, 1, signal);
    if (typeof value !== 'number') throw new Error(value?.error);
    return value;
  };

  const evaluateMany = async (members: readonly Member[]): Promise<(Evaluation | EvaluationFailure)[]> => {
    const results: (Evaluation | EvaluationFailure)[] = [];
    for (const slice of slices(members, encoding)) results.push(...(await evaluateSlice(slice)));
    return results;
  };

  /** A line that fails as a whole fails its own members, not those of other lines. */
  const evaluateSlice = async (
    slice: readonly Member[],
  ): Promise<readonly (Evaluation | EvaluationFailure)[]> => {
    const context = slice[0]?.context;
    if (context === undefined) return [];
    const { resource, options, signal } = context;
    const line = (id: number) => batchLine(id, slice.map(memberOf), options, encoding, shapes);
    try {
      return await resource.ask(line, slice.length, signal);
    } catch (thrown) {
      const failure = { error: messageOf(thrown), final: thrown instanceof EvaluationTimeout };
      return slice.map(() => failure);
    }
  };

  return {
    name: declaration.name,
    direction: declaration.direction,
    seeds: declaration.seeds,
    parameters: () => declaration.parameters,
    setup: (_options, { log }) => new Session(declaration, clock, log),
    dispose: (session) => session.process.dispose(),
    ...(declaration.batch ? { evaluateMany } : { evaluate }),
  };
}

function memberOf({ parameters, context }: Member): CommandMember {
  return { parameters, seed: context.seed, step: context.step, member: context.member };
}

function* slices(
  members: readonly Member[],
  encoding: CommandDeclaration['encoding'],
): Generator<readonly Member[]> {
  let slice: Member[] = [];
  let bytes = 0;
  for (const member of members) {
    const more = lineBytes(memberOf(member), encoding);
    if (slice.length > 0 && bytes + more > BATCH_BYTES) {
      yield slice;
      slice = [];
      bytes = 0;
    }
    slice.push(member);
    bytes += more;
  }
  if (slice.length > 0) yield slice;
}
