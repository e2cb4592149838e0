/** The stages of a rollout: how many nodes have it, and how long nothing may go wrong before more do. */
import Type, { type Static } from 'typebox';

export const stagesMax = 10;
export const soakMsMax = 7 * 86_400_000;

export const stage = Type.Object(
  {
    amount: Type.Integer({ minimum: 1, maximum: 1_000 }),
    unit: Type.Union([Type.Literal('nodes'), Type.Literal('percent')]),
    soakMs: Type.Integer({ minimum: 0, maximum: soakMsMax }),
  },
  { additionalProperties: false },
);
export const stageList = Type.Array(stage, { minItems: 1, maxItems: stagesMax });
export type Stage = Static<typeof stage>;

const soakMsDefault = 60_000;
export const stageDefaults: readonly Stage[] = [
  { amount: 1, unit: 'nodes', soakMs: soakMsDefault },
  { amount: 25, unit: 'percent', soakMs: soakMsDefault },
  { amount: 100, unit: 'percent', soakMs: soakMsDefault },
];

/** Null where they can be carried out. */
export function stagesProblem(stages: readonly Stage[]): string | null {
  const last = stages.at(-1);
  if (last?.unit !== 'percent' || last.amount !== 100)
    return 'the last stage is all nodes: write all, or 100%';
  for (const [index, { amount, unit }] of stages.entries()) {
    if (unit === 'percent' && amount > 100) return `${amount}% are more than all`;
    const before = stages[index - 1];
    if (before?.unit === unit && before.amount >= amount)
      return `${stageText(stages[index] as Stage)} is no more than the stage before it`;
  }
  return null;
}

/** How many of `there` nodes a stage has. */
export const stageNodes = ({ amount, unit }: Stage, there: number): number =>
  Math.min(there, unit === 'nodes' ? amount : Math.ceil((there * amount) / 100));

export function stageText({ amount, unit }: Stage): string {
  if (unit === 'percent') return amount === 100 ? 'all nodes' : `${amount} % of the nodes`;
  return amount === 1 ? 'one node' : `${amount} nodes`;
}
