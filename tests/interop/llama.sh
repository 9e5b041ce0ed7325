#!/bin/sh
# llama.cpp itself: its chat templates, its tokens, its sampling, its errors, with a model of random weights
# whose template is of Gemma's or Mistral's kind. By hand:
#     make && sh tests/interop/llama.sh
# Needs node 20 and npm (node-llama-cpp with its library for this processor, 85 MB, once a build folder);
# skipped where they cannot be had. About a minute and a half on one processor.
. "$(dirname "$0")/../integration/lib.sh"
unset GRASP_BACKEND
command -v node >/dev/null && command -v npm >/dev/null || skip_all "node and npm are not installed"
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] || skip_all "needs node 20, this is $(node --version)"
version=3.22.1 dir=$GRASP_BUILD/interop-llama
if [ "$(cat "$dir/installed" 2>/dev/null)" != $version ]; then
    rm -rf "$dir" && mkdir -p "$dir" || exit 1
    echo '{"private": true}' >"$dir/package.json"
    (cd "$dir" && timeout 300 npm install --ignore-scripts --no-audit --no-fund --omit=optional --omit=peer \
        node-llama-cpp@$version "@node-llama-cpp/linux-$(node -p process.arch)@$version") >npm 2>&1 ||
        skip_all "npm could not install node-llama-cpp: $(grep -m1 'npm error' npm | cut -c1-120)"
    echo $version >"$dir/installed"
fi
cp "$ROOT"/tests/interop/llama_*.mjs "$dir/"
for kind in gemma mistral system; do
    node "$dir/llama_model.mjs" $kind $kind.gguf "$ROOT"/skills/prompts/*.md || { not_ok "a model"; done_testing; }
done

SERVER=
serve() { # KIND CONTEXT
    [ -z "$SERVER" ] || kill "$SERVER"
    bg nice node "$dir/llama_server.mjs" "$T/$1.gguf" "$2" >log 2>server.err
    SERVER=$!
    wait_line log "listening on" || { not_ok "the server starts" "$(cat server.err)"; done_testing; }
    URL=$(sed -n 's/^listening on //p' log)
}
asked() { grep '^{' log | jq -s "$1"; } # of the requests since the server's start
C=clinic/grasp.yaml
model() { # SUBCOMMAND ARGUMENTS...
    c=$1; shift
    "$GRASP" "$c" $C "$@" --set model.kind=openai --set "model.base_url=$URL" --set "model.name=$NAME" \
        --set model.max_tokens=16 --set model.attempts=2 --set model.backoff=0.01 --set model.timeout=120 \
        --set cycle.batch_concurrency=1 --set cycle.max_rounds=3 --set cycle.epochs=1 \
        --set cycle.update_every=4 --set cycle.grpo_eval_n=2 --set cycle.grpo_k=2
}
say() { # MESSAGES: what the server alone makes of them
    curl -s -w '%{http_code}' -o said "$URL/chat/completions" -d "{\"max_tokens\":2,\"messages\":[$1]}"
}
say_user='{"role":"user","content":"a"}'

# --- a library, then four tasks a split
"$GRASP" synth -q --patients 60 --out clinic >/dev/null && "$GRASP" learn $C -q --library lib --run sim \
    --set cycle.epochs=1 --set cycle.run_baseline=false >/dev/null || { not_ok "a library"; done_testing; }
for s in dev:4 val:4 id_test:1 test:1; do
    f=clinic/tasks/split_${s%:*}.json
    jq ".[0:${s#*:}]" $f >part && mv part $f
done
is "a library to put before the model" "$([ "$(git -C lib ls-files '*.md' | wc -l)" -ge 2 ] && echo yes)" yes

# Held to a grammar, the random model speaks of patients that nobody knows, so that there are turns.
jq -cn --arg g 'root ::= "GET http://localhost:8080/fhir/Patient?identifier=S" [0-9] [0-9]' \
    '{grammar: $g}' >turns.json

for kind in gemma mistral; do
    serve $kind 65536
    NAME="random weights, $kind"
    is "$kind: the template refuses two messages of one role" "$(say "$say_user,$say_user")" 500
    has "$kind: in llama.cpp's words" said "Jinja Exception"
    is "$kind: and a system message" "$(say '{"role":"system","content":"a"},'"$say_user")" 500
    is "$kind: not the user's" "$(say $say_user)" 200
    refusals=$(asked 'map(select(.status != 200)) | length')

    exits "$kind: doctor" 0 model doctor --ask
    has "$kind: doctor: the model is listed" out "lists '$NAME', context of 65536 tokens"
    has "$kind: doctor: a call" out "a call: answered"
    exits "$kind: one rollout" 0 model run "$(jq -r '.[0].id' clinic/tasks/split_val.json)" --json
    is "$kind: nonsense is an invalid action" "$(jq -r .status out)" "agent invalid action"

    exits "$kind: a split" 0 model eval --split val --journal j-$kind --json
    is "$kind: nonsense is counted" "$(jq -c .val.endings out)" '{"invalid":4}'
    has "$kind: and said" err "val: 4 of 4 rollouts were an invalid action; the first reply was: "
    n=$(asked length)
    exits "$kind: once more, from the journal" 0 model eval --split val --journal j-$kind --json
    is "$kind: it has every answer" "$(asked length)" "$n"
    is "$kind: the same ones" "$(jq -c .val.endings out)" '{"invalid":4}'
    "$GRASP" journal export j-$kind >exported 2>/dev/null
    is "$kind: with the server's count of tokens" \
        "$(asked "[.[$n-4:][] | [.prompt, .completion]] | sort" | jq -c .)" \
        "$(jq -sc '[.[].usage | [.prompt_tokens, .completion_tokens]] | sort' exported)"

    for inject in all top_k; do
        exits "$kind, $inject: turns" 0 model eval --split val --library lib --set "skills.inject=$inject" \
            --set skills.top_k=1 --set model.max_tokens=80 --set "model.extra=$(cat turns.json)" \
            --set model.stream=true --out t-$kind-$inject
        has "$kind, $inject: the model is quoted, not the chart" err "the first reply was: GET "
        is "$kind, $inject: every action was one" "$(jq -r .status t-$kind-$inject/val/test_runs.jsonl | sort -u)" \
            "task limit reached"
    done
    is "$kind: in turns, streamed" "$(asked '[.[] | select(.stream) | .roles] | unique')" \
        "$(jq -n '["user", "user assistant user", "user assistant user assistant user"]')"

    exits "$kind: learn stops" 3 model learn --run r-$kind --library l-$kind
    has "$kind: and says what came" err "4 of 4 rollouts were an invalid action"
    has "$kind: and how to insist" err "--keep-going"
    is "$kind: the summary has the word" "$(jq -r .why r-$kind/run_summary.json)" degenerate
    for inject in all top_k; do
        exits "$kind, $inject: learn insists" 0 model learn --run i-$kind-$inject --library l-$kind-$inject \
            --keep-going --set "skills.inject=$inject"
        has "$kind, $inject: the writer's nonsense is said" err "proposals had no JSON array"
    done
    is "$kind: none of ours was refused" "$(asked 'map(select(.status != 200)) | length')" "$refusals"
    is "$kind: none was empty" "$(asked 'map(select(.status == 200) | .empty) | add')" 0
done

# --- the other methods ask in other words
for method in seq_memory batch_memory expel evo_memory skillx; do
    exits "$method: learn insists" 0 model learn --run m-$method --library ml-$method --keep-going \
        --set method=$method
done
is "the methods: none was refused" "$(asked 'map(select(.status != 200)) | length')" "$refusals"

# --- a context that is too small for the first message
serve mistral 1024
exits "too long" 0 model eval --split val --json
is "is recognised" "$(jq -c .val.endings out)" '{"context":4}'
has "and said" err "4 of 4 rollouts exceeded the context"
is "nothing is asked twice" "$(asked length)" 4
exits "learn stops" 3 model learn --run rc --library lc
has "and says so" err "4 of 4 rollouts exceeded the context"

# --- a template that no message of ours pleases
serve system 16384
NAME="random weights, system"
exits "a template that refuses" 1 model eval --split val
has "its words" err "A system message comes first"
has "what to do" err "the server's chat template does not take this conversation"
hasnt "not to wait" err "later"
is "nothing is asked twice" "$(asked length)" 1
done_testing
