-- A row of the child that no version covers, in the form that the error shows.
SELECT {n_key} AS culprit, {w_identity_text} AS identity, {w_time} AS time
FROM {child} AS n
CROSS JOIN LATERAL (SELECT {n_wanted}) AS w
WHERE {n_refers} AND NOT {covered}
LIMIT 1
