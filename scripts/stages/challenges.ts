/** From the page that makes a client work to the pass that opens the way. */
import type { Stage } from './stage.ts';

const tokens = 'src/proxy/challenge/challenge-token.ts';
const challenges = 'src/proxy/challenge/challenges.ts';
const ofTokens = 'test/proxy/challenge/challenge-token.test.ts';
const tests = 'test/proxy/challenge/challenges.test.ts';

export const challengeStages: readonly Stage[] = [
  {
    name: 'challenge: a page for who can show one',
    file: challenges,
    from: 'if (noPage !== null) {',
    to: 'if (false as boolean) {',
    tests: 'test/wire/challenges.test.ts',
  },
  {
    name: 'challenge: no page on a route that says never',
    file: 'src/proxy/challenge/page-readers.ts',
    from: "if (!showsPages) return 'the route shows no pages';",
    to: '',
    tests: 'test/wire/challenges.test.ts',
  },
  {
    name: 'challenge: who shows a pass goes on',
    file: challenges,
    from: 'if (!this.#hasPass(request, holder, settings)) return false;',
    to: 'if (holder.host !== request.target) return false;',
    tests,
  },
  {
    name: 'challenge: signatures',
    file: tokens,
    from: "timingSafeEqual(this.#mac(key, signed), mac))) return 'signature';",
    to: "this.#mac(key, signed).length === mac.length)) return 'signature';",
    tests: ofTokens,
  },
  {
    name: 'challenge: the end of a pass',
    file: tokens,
    from: "if (expiresAtMs <= nowMs) return 'expired';",
    to: '',
    tests: ofTokens,
  },
  {
    name: 'challenge: a pass is for its address block',
    file: tokens,
    from: "      return 'address';\n",
    to: '      expected.fill(0);\n',
    tests: ofTokens,
  },
  {
    name: 'challenge: a pass is for its host',
    file: tokens,
    from: "if (hostDigest(holder.host).compare(bytes, at.host, at.nonce) !== 0) return 'host';",
    to: '',
    tests: ofTokens,
  },
  {
    name: 'challenge: a challenge is no pass',
    file: tokens,
    from: '|| bytes[at.kind] !== kinds[kind]) return',
    to: ') return',
    tests: ofTokens,
  },
  {
    name: 'challenge: the work',
    file: challenges,
    from: '< token.difficultyBits)',
    to: '< 0)',
    tests,
  },
  {
    name: 'challenge: as much work as is asked now',
    file: challenges,
    from: '&& pass.difficultyBits >= difficultyBits) return true;',
    to: '&& difficultyBits >= 0) return true;',
    tests,
  },
  {
    name: 'challenge: a solution makes no pass longer',
    file: challenges,
    from: 'const expiresAtMs = token.expiresAtMs + settings',
    to: 'const expiresAtMs = now + challengeMs + settings',
    tests,
  },
  {
    name: 'challenge: the pass is not for the upstream',
    file: 'src/proxy/request-fields.ts',
    from: 'snapshot.givesPasses ? withoutPass(view, added) : added;',
    to: 'snapshot.givesPasses && view.minor > 9 ? withoutPass(view, added) : added;',
    tests: 'test/wire/challenges.test.ts',
  },
  {
    name: 'challenge: workers share their keys',
    file: challenges,
    from: 'this.#signer = new TokenSigner(keys);',
    to: 'if (keys.length < 0) this.#signer = new TokenSigner(keys);',
    tests: 'test/e2e/challenge.test.ts',
  },
];
