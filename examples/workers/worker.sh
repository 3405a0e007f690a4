#!/bin/sh
# A remote worker in shell, with curl and jq: it counts the words of a text. Run it as: worker.sh http://localhost:8000
url=${1:-http://localhost:8000}
name="shell-$(hostname):$$"
call() {
  curl -sS --retry 10 --retry-all-errors --max-time 90 -X POST "$url/api/worker/$1" \
    -H 'content-type: application/json' -H "x-api-key: ${FERMATA_API_KEY:-}" -d "$2"
}
call register "$(jq -n --arg worker "$name" '{worker: $worker, types: [{type: "shell-words",
  parameters: {type: "object", properties: {text: {type: "string"}}, required: ["text"]}}]}')" >/dev/null
while tasks=$(call claim "$(jq -n --arg worker "$name" '{worker: $worker, wait: 50}')"); do
  printf '%s' "$tasks" | jq -c '.tasks[]?' | while read -r task; do
    token=$(printf '%s' "$task" | jq .lease_token)
    text=$(printf '%s' "$task" | jq -r .parameters.text)
    signal=$(call beat "{\"lease_token\": $token, \"progress\": {\"current\": 0, \"total\": 1}}" | jq -r .signal)
    [ "$signal" = cancel ] && { call fail "{\"lease_token\": $token, \"error\": {\"message\": \"cancelled\"}}"; continue; }
    call complete "{\"lease_token\": $token, \"result\": {\"words\": $(printf '%s' "$text" | wc -w)}}" >/dev/null
  done
done
