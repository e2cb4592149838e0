/** What `builtin:core` catches of the corpora at level 1, and that it stops next to nothing ordinary. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { coreFolder } from '../../support/core-rules.ts';
import {
  attackGroups,
  benignGroups,
  browserSession,
  missingDetectionCorpora,
} from '../../support/detection-corpus.ts';
import { verdictsOf } from '../../support/rule-verdicts.ts';

/** Percent of each class that must be stopped; of `docs/reference/detection.md` it is at least this. */
const least = 95;

describe('builtin:core at paranoia 1', () => {
  const verdicts = verdictsOf(coreFolder, 1);

  it('stops what the lists of attacks hold', { skip: missingDetectionCorpora }, (test) => {
    let stoppedInAll = 0;
    let all = 0;
    for (const { name, requests } of attackGroups()) {
      const stopped = requests.filter((request) => verdicts.stops(request)).length;
      stoppedInAll += stopped;
      all += requests.length;
      test.diagnostic(`${name}: ${stopped} of ${requests.length}`);
      assert.ok((100 * stopped) / requests.length >= least, `${name}: ${stopped}`);
    }
    assert.ok((100 * stoppedInAll) / all >= 95, `${stoppedInAll} of ${all}`);
  });

  it('passes ordinary text, but for one in two hundred', { skip: missingDetectionCorpora }, () => {
    const requests = benignGroups().flatMap((group) => group.requests);
    const stopped = requests.filter((request) => verdicts.stops(request)).map(({ id }) => id);
    assert.ok(stopped.length * 200 <= requests.length, stopped.join(', '));
  });

  it('passes the recorded session of a browser', () => {
    const stopped = browserSession().requests.filter((request) => verdicts.stops(request));
    assert.deepEqual(
      stopped.map(({ request }) => request.target),
      [],
    );
  });
});
