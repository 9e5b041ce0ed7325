#!/bin/sh
# Models behind endpoints that think, limit, stream nothing, or want a key from somewhere else.
. "$(dirname "$0")/lib.sh"
unset GRASP_BACKEND
scripted

serve() { # RULE...
    : >requests
    scripted_serve "$@"
}
requests() { grep -c ' HTTP/' ep.log; }
remote() { # SUBCOMMAND ARGUMENTS...
    c=$1; shift
    case "$c $*" in *--journal*) ;; eval*) set -- "$@" --no-journal ;; esac
    "$GRASP" "$c" $C "$@" --set model.kind=openai --set "model.base_url=$URL" --set model.name=m \
        --set cycle.batch_concurrency=4
}
one() { jq -r "$1" "$2/val/test_runs.jsonl" | sort -u; }
reply() { # FILE CONTENT FINISH FIELDS USAGE
    printf '{"choices":[{"message":{"role":"assistant","content":%s%s},"finish_reason":"%s"}],"usage":%s}' \
        "$2" "$4" "$3" "$5" >"$1"
}
U='{"prompt_tokens":100,"completion_tokens":10}'

# --- thinking
reply think '"<think>\nFINISH([1])?\n</think>\n\nFINISH([\"x\"])"' stop '' "$U"
serve =status:200:think
exits "a model that thinks aloud" 0 remote eval --split val --out thinks --journal think-journal
is "every rollout is completed" "$(one .status thinks)" completed
is "the agent's message is what it said" "$(one '.messages[1].content' thinks)" 'FINISH(["x"])'
"$GRASP" journal export think-journal >exported 2>/dev/null
has "the journal has what it thought" exported "FINISH([1])?"
exits "kept where that is configured" 0 remote eval --split val --out kept --set model.thinking=keep
is "then it is no action" "$(one .status kept)" "agent invalid action"
reply cut null length ',"reasoning_content":"hm"' "$U"
serve =status:200:cut
remote eval --split val --out cuts >out 2>err
has "thinking that eats max_tokens is said" err "thinking used all of max_tokens"
has "and counted" err "answers were empty: thinking used all of max_tokens"

# --- limits
printf 'HTTP/1.1 429 X\r\nRetry-After: 86400\r\nContent-Length: 0\r\n\r\n' >day
serve =head:day
exits "a wait of a day" 3 remote eval --split val
has "is said with its end" err "it asks to wait until 2"
has "and what to set" err "model.max_wait"
is "nobody asks again" "$([ "$(requests)" -le 4 ] && echo yes)" yes
printf 'HTTP/1.1 429 X\r\nRetry-After: 300\r\nContent-Length: 0\r\n\r\n' >minutes
serve =head:minutes
exits "a budget of time ends waiting" 3 remote eval --split val --set budget.seconds=0.2
has "which is said" err "budget.seconds"
exits "a budget of money without prices" 1 remote eval --split val --set budget.usd=1
has "says what to set" err "prices: {m:"

# --- keys and headers
printf '{"error":{"message":"Token expired","code":"token_expired"}}' >expired
reply good '"FINISH([\"x\"])"' stop '' "$U"
cat >token <<'EOF'
n=$(cat count 2>/dev/null || echo 0); n=$((n + 1)); echo $n >count; echo "token-number-$n"
EOF
serve "token-number-1*2=status:200:good" "token-number-1=status:401:expired" =status:200:good
exits "a key that runs out" 0 remote eval --split val --out keys --set "model.api_key_command=sh $T/token"
is "is read again" "$(cat count)" 2
is "and everything is scored" "$(one .status keys)" completed
exits "a key command that fails" 1 remote eval --split val --set "model.api_key_command=echo no >&2; exit 3"
has "is named with its status" err "failed (exit status 3)"
exits "a key file that is not there" 1 remote eval --split val --set "model.api_key_file=$T/none"
has "is named" err "api_key_file"
printf 'secret-of-the-file\n' >key
serve =status:200:good
exits "a key in a file, and headers" 0 remote eval --split val --set "model.api_key_file=$T/key" \
    --set 'model.headers={X-Team: blue-secret-value}'
has "both are sent" requests "Authorization: Bearer secret-of-the-file"
has "both are sent" requests "X-Team: blue-secret-value"
hasnt "neither is shown" err "blue-secret-value"
exits "a header with a line break" 1 remote eval --split val --set 'model.headers={X-Team: "a\nb"}'
has "is refused" err "model.headers.X-Team: its value holds a line break"
exits "streaming asked for, and not given" 0 remote eval --split val --set model.stream=true
has "it was asked for" requests '"stream":true,"stream_options"'

# --- what the doctor finds
printf '{"data":[{"id":"m-instruct","max_model_len":8192},{"id":"other"}]}' >models
serve "GET =status:200:models" =status:200:good
remote doctor >out 2>err
has "a name that is not listed" out "does not list the model 'm'; there are 'm-instruct'"
"$GRASP" doctor $C --ask --set model.kind=openai --set cycle.proposal_temperature=0 --set "model.endpoints=['$URL', 'http://127.0.0.1:1/v1']" \
    --set model.name=m-instruct >out 2>err
has "the context's size" out "lists 'm-instruct', context of 8192 tokens"
has "the second endpoint" out "http://127.0.0.1:1/v1/models does not answer"
has "one call" out "a call: answered"
has "independent calls that are none" out "answered all alike"
echo one >one; echo two >two; echo three >three
serve "GET =status:200:models" "one word OK=say:one" "five words*1=say:one" "five words*1=say:two" \
    "five words=say:three"
"$GRASP" doctor $C --ask --set model.kind=openai --set "model.base_url=$URL" \
    --set model.name=m-instruct --set cycle.proposal_temperature=0 >out 2>err
has "independent calls that are" out "are answered differently"
"$GRASP" doctor $C --ask --set model.kind=openai --set "model.base_url=$URL" \
    --set model.name=m-instruct --set cycle.proposal_temperature=0.7 >out 2>err
hasnt "not asked where there is a temperature" out "independent calls"
done_testing
