/**
 * A response head: `HeadView` with the parts of the status line.
 */
import { HeadView } from '#waf/head-view.ts';

export class ResponseView extends HeadView {
  status = 0;
  reasonStart = 0;
  reasonEnd = 0;
}
