#!/bin/sh
# Endpoints that answer, but say nothing: what a run makes of it, and what doing nothing is worth.
. "$(dirname "$0")/lib.sh"
unset GRASP_BACKEND
scripted

serve() { scripted_serve "$@"; }
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
    --set cycle.grpo_eval_n=4 --set cycle.proposal_temperature=0.625
for phase in classify diagnose propose; do # cycle.proposal_temperature is the whole writer's
    is "$phase: at the writer's temperature" "$(grep -aF "# Phase: $phase" requests | grep -avc '"temperature":0.625')" 0
    is "$phase: was asked" "$(grep -aqF "# Phase: $phase" requests && echo yes)" yes
done
has "the writer's replies are said, too" err "proposals had no JSON array; the first reply was: Sure!"
is "and counted" "$(jq -c '.writer_endings | keys' rk/run_summary.json)" '["invalid"]'
is "that is done" "$(jq -r .why rk/run_summary.json)" done
has "and said at the end" out "rollouts were an invalid action"

serve =say:chat
exits "eval says so" 0 remote eval --split val,id_test --json
has "with the split" err "val: 80 of 80 rollouts were an invalid action"
is "and counts" "$(jq -c .val.endings out)" '{"invalid":80}'

# --- what was no answer is dropped from a journal by its kind
gc() { "$GRASP" journal gc j --json "$@" | jq -c '[.kept, .dropped]'; }
answers() { # RULE SPLIT: the split's answers by that rule go into the journal
    serve "$1"
    remote eval --split "$2" --journal j --set model.identity=e >/dev/null 2>&1
}
answers =head:refused val
answers =status:400:context id_test
answers =head:cut test
n=$(gc | tr -d '[]' | cut -d, -f1)
is "a journal of what was none" "$n" 204
is "plain gc keeps it" "$(gc)" "[204,0]"
is "the refused ones" "$(gc --kind refused)" "[124,80]"
is "those made before a year ago" "$(gc --kind context --older-than 365)" "[124,0]"
is "too long, and empty" "$(gc --kind context,empty)" "[0,124]"
answers =say:finish test
is "an answer is none of them" "$(gc --kind context,empty,cut,refused)" "[60,0]"
serve =say:finish
exits "a kind that is none" 2 "$GRASP" journal gc j --kind rude
has "which ones there are" err "'rude' is none of context, empty, cut, refused"

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
"$GRASP" report rs --out rs.html >/dev/null 2>&1
has "and its page shows it" rs.html '<th scope="col">doing nothing</th>'
is "as many cells as there are families" "$(grep -c '^<tr><th scope="row">task[0-9]*</th><td class="score">' rs.html)" \
    "$(jq '[.do_nothing.id_test, .do_nothing.test | .by_family | length] | add' rs/run_summary.json)"
exits "a transfer" 0 "$GRASP" transfer $C --library ls --to simulated --split val --out tr
has "prints it" out "  doing nothing: "
is "and writes it" "$(jq -c '.do_nothing.val.n_total' tr/transfer.json)" 80
done_testing
