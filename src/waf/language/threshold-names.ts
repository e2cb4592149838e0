/** The TX variables in which the Core Rule Set keeps the scores at which it blocks; a route may say others (`pinTx`). */
export const thresholdNames = {
  inbound: 'inbound_anomaly_score_threshold',
  outbound: 'outbound_anomaly_score_threshold',
} as const;
