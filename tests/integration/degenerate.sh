#!/bin/sh
# Endpoints that answer, but say nothing: what a run makes of it, and what doing nothing is worth.
. "$(dirname "$0")/lib.sh"
unset GRASP_BACKEND
endpoint="$GRASP_BUILD/tools/endpoint"
[ -x "$endpoint" ] || skip_all "$endpoint is not built (make test builds it)"
C=clinic/grasp.yaml
"$GRASP" synth -q --patients 60 --out clinic >/dev/null || { not_ok "a clinic"; done_testing; }

ENDPOINT=
serve() { # RULE...
    [ -z "$ENDPOINT" ] || kill "$ENDPOINT"
    : >ep.log
    bg "$endpoint" "$@" >ep.log 2>ep.err
    ENDPOINT=$!
    wait_line ep.log "listening on" || cat ep.err
    URL=$(sed -n 's/^listening on //p' ep.log)
}
reply() { # BODY >FILE
    printf 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' "${#1}" "$1"
}
remote() { # SUBCOMMAND ARGUMENTS...
    c=$1; shift
    "$GRASP" "$c" $C "$@" --set model.kind=openai --set model.name=m --set "model.base_url=$URL" \
        --set model.attempts=2 --set cycle.batch_concurrency=8 --set cycle.update_every=48
}
reply '{"choices":[{"message":{"content":"","reasoning_content":"Well, "},"finish_reason":"length"}],"usage":{"prompt_tokens":10,"completion_tokens":5}}' >cut
reply '{"choices":[{"message":{"content":""},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":5}}' >empty
reply '{"choices":[{"message":{"refusal":"I cannot help with that.","content":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":5}}' >refused
printf '{"error":{"message":"This model has a maximum context length of 8192 tokens","code":"context_length_exceeded"}}' >context
printf 'Sure! Let me look\033[31m that up.' >chat
printf 'FINISH([])' >finish

degenerate() { # NAME RULE WORDS ENDING
    serve "$2"
    exits "$1: learn stops" 3 remote learn --run "r-$1" --library "l-$1"
    has "$1: and says what came" err "$3"
    has "$1: and how to insist" err "--keep-going"
    is "$1: the summary has the word" "$(jq -r .why "r-$1/run_summary.json")" degenerate
    is "$1: and the counts" "$(jq -c .dev_endings "r-$1/run_summary.json")" "{\"$4\":48}"
    is "$1: nothing was learned" "$(git -C "l-$1" rev-list --count HEAD)" 1
    is "$1: the writer was not asked" "$(jq .calls.classify.calls_made "r-$1/run_summary.json")" 0
}
degenerate cut =head:cut "48 of 48 answers were empty: thinking used all of max_tokens" cut
degenerate refused =head:refused "48 of 48 answers were refused" refused
degenerate context =status:400:context "48 of 48 rollouts exceeded the context" context
degenerate invalid =say:chat "48 of 48 rollouts were an invalid action; the first reply was: Sure!" invalid
hasnt "a reply gives no orders to the terminal" err "$(printf '\033[31m')"

serve =say:chat
exits "insisted" 0 remote learn --run rk --library lk --keep-going --set cycle.epochs=1 \
    --set cycle.grpo_eval_n=4
has "the writer's replies are said, too" err "proposals had no JSON array; the first reply was: Sure!"
is "and counted" "$(jq -c '.writer_endings | keys' rk/run_summary.json)" '["invalid"]'
is "that is done" "$(jq -r .why rk/run_summary.json)" done
has "and said at the end" out "rollouts were an invalid action"

serve =say:chat
exits "eval says so" 0 remote eval --split val,id_test --json
has "with the split" err "val: 80 of 80 rollouts were an invalid action"
is "and counts" "$(jq -c .val.endings out)" '{"invalid":80}'

# --- doing nothing
serve =say:finish
exits "an agent that does nothing" 0 remote eval --split val,id_test --json
is "scores as an agent that does nothing" "$(jq -c '.val.by_family' out)" \
    "$(jq -c '.val.do_nothing.by_family' out)"
is "which is something" "$(jq '.id_test.do_nothing.n_correct > 0' out)" true
exits "a finished run" 0 "$GRASP" learn $C --run rs --library ls --set cycle.epochs=1 -q
is "has it beside its scores" "$(jq -c '[.do_nothing.val.n_correct]' rs/run_summary.json)" \
    "$("$GRASP" eval $C --split val --json -q | jq -c '[.val.do_nothing.n_correct]')"
is "and its tests" "$(jq -c '.do_nothing | keys' rs/run_summary.json)" '["id_test","test","val"]'
has "and prints it" out ", doing nothing "
exits "a transfer" 0 "$GRASP" transfer $C --library ls --to simulated --split val --out tr
has "prints it" out "  doing nothing: "
is "and writes it" "$(jq -c '.do_nothing.val.n_total' tr/transfer.json)" 80
done_testing
