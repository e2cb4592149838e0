/** What the claims of a verified token must say (RFC 7519, 4.1): a text that says why not, or empty. */
import { Json, JsonToken } from '../../sdk/json';
import { nowWall } from '../../sdk/host';
import { equals } from '../../sdk/matcher';
import { claimsAt, claimsLength, textAt, textOf, valueOf } from './token';

/** Seconds of the year 9999; what is later is no time. */
const latest: f64 = 253402300800;

export class Demands {
  issuer: string = '';
  audiences: string[] = [];
  leewaySeconds: i32 = 60;
  /** Of `iat`; 0: whatever age. */
  ageSecondsMax: i32 = 0;
  required: string[] = [];

  check(): string {
    const now = <f64>nowWall() / 1000;
    const leeway = <f64>this.leewaySeconds;
    const expires = timeOf('exp');
    if (expires == absent) return 'the token has no exp';
    if (expires < 0) return 'exp is no time';
    if (now >= expires + leeway) return 'the token has expired';
    const begins = timeOf('nbf');
    if (begins != absent && (begins < 0 || now + leeway < begins)) return 'the token is not valid yet';
    const issued = timeOf('iat');
    if (issued != absent && (issued < 0 || now + leeway < issued)) return 'the token was issued in the future';
    if (this.ageSecondsMax > 0) {
      if (issued == absent) return 'the token has no iat';
      if (now > issued + <f64>this.ageSecondsMax + leeway) return 'the token is too old';
    }
    if (this.issuer.length > 0 && !isText('iss', this.issuer)) return 'the token is of another issuer';
    if (this.audiences.length > 0 && !this.isForUs()) return 'the token is for another audience';
    for (let i = 0; i < this.required.length; i++)
      if (valueOf(claimsAt, claimsLength, this.required[i]) === null) return 'a claim that is required is missing';
    return '';
  }

  /** `aud` is a string or a list of them; one of ours is enough. */
  private isForUs(): bool {
    const json = valueOf(claimsAt, claimsLength, 'aud');
    if (json === null) return false;
    if (json.token == JsonToken.String) return this.isAudience(json);
    if (json.token != JsonToken.ArrayBegin) return false;
    let found = false;
    while (json.next() == JsonToken.String) found = this.isAudience(json) || found;
    return found && json.token == JsonToken.ArrayEnd;
  }

  private isAudience(json: Json): bool {
    for (let i = 0; i < this.audiences.length; i++) if (json.is(this.audiences[i])) return true;
    return false;
  }
}

const absent: f64 = -1;
const wrong: f64 = -2;

/** Seconds since 1970, also with a fraction (RFC 7519, 2: NumericDate). */
function timeOf(name: string): f64 {
  const json = valueOf(claimsAt, claimsLength, name);
  if (json === null) return absent;
  if (json.token != JsonToken.Number || json.length > 24) return wrong;
  const seconds = json.number();
  return seconds >= 0 && seconds <= latest ? seconds : wrong;
}

function isText(name: string, wanted: string): bool {
  const length = textOf(claimsAt, claimsLength, name);
  return length >= 0 && equals(textAt, length, wanted);
}
