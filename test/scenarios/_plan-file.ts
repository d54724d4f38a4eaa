/** A migration of topics between the two clusters of a world; `more` is put behind it, as YAML. */
export const planFile = (
  name: string,
  topics: string,
  more = '',
  stage = 'mirrored',
): string => `apiVersion: ferry/v1
kind: Migration
metadata: { name: ${name} }
spec:
  from: old
  to: new
  stage: ${stage}
  topics: ${topics}
  gates: { sourceQuiet: 1s, timeout: 120s }
${more}`
