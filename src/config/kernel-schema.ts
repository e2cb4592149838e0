/** `kernel`: what is done with packets before any process of the node sees them. */
import Type, { type Static } from 'typebox';
import { strict } from './schema-parts.ts';

const interfaceName = '^[^/\\s:]{1,15}$';

export const kernel = Type.Object(
  {
    xdp: Type.Union(
      (['auto', 'native', 'generic', 'off'] as const).map((mode) => Type.Literal(mode)),
      {
        default: 'auto',
        description:
          'the XDP program: in the driver where it can be, else in the network stack (auto), only one of them, or not at all',
      },
    ),
    interface: Type.Union(
      [
        Type.Literal('auto'),
        Type.String({ pattern: interfaceName }),
        Type.Array(Type.String({ pattern: interfaceName }), { minItems: 1, maxItems: 16 }),
      ],
      {
        default: 'auto',
        description:
          'network interfaces that are guarded; auto is those that the listeners use, where one listens on every address those of the default routes, and never the loopback interface',
      },
    ),
  },
  { ...strict, default: {} },
);

export type KernelSettings = Static<typeof kernel>;
