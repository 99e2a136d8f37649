// What a container image stands for here: a program of this machine. In: an image reference. Out: its entrypoint, command, user and
// environment, as an image's configuration has them; undefined for an image that nobody listed.

import { resolve } from 'node:path';
import { envoyPath } from '../envoy.ts';

export interface ImageProgram {
  /** What `command` of a container replaces. */
  readonly entrypoint?: readonly string[] | undefined;
  /** What `args` of a container replaces, and `command` drops. */
  readonly cmd?: readonly string[] | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Default 0. */
  readonly user?: number | undefined;
  readonly workingDir?: string | undefined;
  /** Commands that the image has on its PATH beside those of this machine: name → the command line it stands for. */
  readonly programs?: Readonly<Record<string, readonly string[]>> | undefined;
}

/** A key is an image without its registry and tag (`istio/proxyv2`), or a whole reference, which comes first. */
export type ImageTable = Readonly<Record<string, ImageProgram>>;

const repository = resolve(import.meta.dirname, '../../..');
const mainFile = resolve(repository, 'server/main.ts');
const helloFile = resolve(repository, 'test/demo/hello-application.ts');

/** The images of the examples, our own under the name `isthmus`, a stock Envoy, and a shell. */
export async function defaultImages(): Promise<ImageTable> {
  const isthmus = [process.execPath, mainFile];
  const envoy = await envoyPath();
  const hello = (version: string): ImageProgram => ({
    cmd: ['/bin/sh', '-c', `INSTANCE=$HOSTNAME exec "${process.execPath}" "${helloFile}"`],
    env: { PORT: '5000', VERSION: version },
  });
  return {
    isthmus: {
      entrypoint: isthmus,
      cmd: ['serve'],
      user: 1000,
      workingDir: repository,
      programs: { isthmus, envoy: [envoy] },
    },
    'envoyproxy/envoy': { entrypoint: [envoy], programs: { envoy: [envoy] } },
    'curlimages/curl': { entrypoint: ['curl'], user: 100 },
    busybox: { cmd: ['sh'] },
    pause: { entrypoint: ['sleep', 'infinity'] },
    'istio/examples-helloworld-v1': hello('v1'),
    'istio/examples-helloworld-v2': hello('v2'),
    'helloworld:v1': hello('v1'),
    'helloworld:v2': hello('v2'),
  };
}

/** The program of an image, whatever its registry, and its tag unless the table names that. */
export function programOf(table: ImageTable, image: string): ImageProgram | undefined {
  const withoutDigest = image.split('@')[0] ?? image;
  const parts = withoutDigest.split('/');
  const [first = ''] = parts;
  // A registry has a dot or a port in its name, or is localhost; anything else is part of the repository's.
  const named = parts.length > 1 && (/[.:]/.test(first) || first === 'localhost') ? parts.slice(1) : parts;
  const path = named[0] === 'library' ? named.slice(1).join('/') : named.join('/');
  const withoutTag = path.replace(/:[^/:]*$/, '');
  const last = withoutTag.split('/').at(-1) ?? '';
  return [image, path, withoutTag, last].map((key) => table[key]).find((each) => each !== undefined);
}
