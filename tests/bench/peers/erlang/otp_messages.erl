%% otp_messages.erl: processes that come and go, that wait, and that tell each other numbers of eight bytes: integers,
%% which is the fastest way, or binaries.
-module(otp_messages).
-export([figures/0, idle/0]).

-define(BATCHES, 2000).
-define(BATCH, 100).
-define(IDLE, 1000000).
-define(STREAM, 1000000).
-define(RALLY, 200000).
-define(SENDERS, 1000).
-define(SENT_BY_EACH, 100).
-define(RING, 100000).
-define(HOPS, 500000).

%% The name without the number of threads, who, and the sample.
figures() ->
    [{"isolate_spawn_exit_vs_otp", "otp-batch", fun spawn_batches/0},
     {"isolate_spawn_exit_vs_otp", "otp-single", fun spawn_one_by_one/0},
     {"isolate_spawn_known_exit_vs_otp", "otp-batch", fun spawn_batches/0},
     {"isolate_spawn_known_exit_vs_otp", "otp-single", fun spawn_one_by_one/0},
     {"isolate_idle_bytes_vs_otp", "otp", fun() -> idle_bytes(fun idle/0) end},
     {"isolate_idle_bytes_vs_hibernated_otp", "otp-hibernated",
      fun() -> idle_bytes(fun() -> erlang:hibernate(?MODULE, idle, []) end) end},
     {"message_oneway_vs_otp", "otp", fun() -> stream(fun send_all/2, fun receive_all/2, [], []) end},
     {"message_oneway_vs_otp", "otp-binary",
      fun() -> stream(fun send_all_binaries/2, fun receive_all_binaries/2, [], []) end},
     {"message_oneway_far_vs_otp", "otp", fun() -> stream(fun send_all/2, fun receive_all/2, [], []) end},
     {"message_oneway_far_vs_otp", "otp-bound",
      fun() -> stream(fun send_all/2, fun receive_all/2, bound_to(1), bound_to(2)) end},
     {"message_pingpong_vs_otp", "otp", fun() -> rally(fun call/3, fun echo/1, [], []) end},
     {"message_pingpong_vs_otp", "otp-binary", fun() -> rally(fun call_binary/3, fun echo_binary/1, [], []) end},
     {"message_pingpong_far_vs_otp", "otp", fun() -> rally(fun call/3, fun echo/1, [], []) end},
     {"message_pingpong_far_vs_otp", "otp-bound",
      fun() -> rally(fun call/3, fun echo/1, bound_to(1), bound_to(2)) end},
     {"message_fanin_vs_otp", "otp", fun() -> fan_in([]) end},
     {"message_fanin_vs_otp", "otp-off-heap", fun() -> fan_in([{message_queue_data, off_heap}]) end},
     {"ring_100k_vs_otp", "otp", fun ring/0}].

bound_to(Scheduler) ->
    [{scheduler, Scheduler rem (erlang:system_info(schedulers) + 1)}].

per_operation(Begin, Count) ->
    erlang:convert_time_unit(erlang:monotonic_time() - Begin, native, nanosecond) / Count.

%% ---- spawn and end ----

%% A hundred at a time, joined by one counter.
spawn_batches() ->
    Begin = erlang:monotonic_time(),
    [spawn_batch() || _ <- lists:seq(1, ?BATCHES)],
    per_operation(Begin, ?BATCHES * ?BATCH).

spawn_batch() ->
    Left = atomics:new(1, []),
    atomics:put(Left, 1, ?BATCH),
    Tester = self(),
    spawn_some(?BATCH, fun() -> count_down(Left, Tester) end),
    await_countdown().

spawn_some(0, _Run) -> ok;
spawn_some(Count, Run) ->
    spawn(Run),
    spawn_some(Count - 1, Run).

count_down(Left, Tester) ->
    case atomics:sub_get(Left, 1, 1) of
        0 -> Tester ! over;
        _ -> ok
    end.

await_countdown() ->
    receive over -> ok end.

%% Each is awaited before the next.
spawn_one_by_one() ->
    Tester = self(),
    Begin = erlang:monotonic_time(),
    [begin
         spawn(fun() -> Tester ! over end),
         await_countdown()
     end || _ <- lists:seq(1, ?BATCHES * ?BATCH)],
    per_operation(Begin, ?BATCHES * ?BATCH).

%% ---- a million idle ones ----

idle_bytes(Wait) ->
    Left = atomics:new(1, []),
    atomics:put(Left, 1, ?IDLE),
    Tester = self(),
    Before = resident_bytes(),
    spawn_some(?IDLE, fun() -> count_down(Left, Tester), Wait() end),
    await_countdown(),
    (resident_bytes() - Before) / ?IDLE.

idle() ->
    receive stop -> ok end.

resident_bytes() ->
    erlang:garbage_collect(),
    {ok, Status} = file:read_file("/proc/self/status"),
    {match, [Kilobytes]} = re:run(Status, "VmRSS:\\s*(\\d+)", [{capture, all_but_first, list}]),
    1024 * list_to_integer(Kilobytes).

%% ---- one sends, one receives ----

stream(Send, Receive, SenderOptions, ReceiverOptions) ->
    Tester = self(),
    Receiver = spawn_opt(fun() -> Receive(0, Tester) end, ReceiverOptions),
    Begin = erlang:monotonic_time(),
    spawn_opt(fun() -> Send(0, Receiver) end, SenderOptions),
    await_countdown(),
    per_operation(Begin, ?STREAM).

send_all(?STREAM, _Receiver) -> ok;
send_all(Number, Receiver) ->
    Receiver ! Number,
    send_all(Number + 1, Receiver).

receive_all(?STREAM, Tester) -> Tester ! over;
receive_all(Number, Tester) ->
    receive Number -> receive_all(Number + 1, Tester) end.

send_all_binaries(?STREAM, _Receiver) -> ok;
send_all_binaries(Number, Receiver) ->
    Receiver ! <<Number:64>>,
    send_all_binaries(Number + 1, Receiver).

receive_all_binaries(?STREAM, Tester) -> Tester ! over;
receive_all_binaries(Number, Tester) ->
    receive <<Number:64>> -> receive_all_binaries(Number + 1, Tester) end.

%% ---- there and back ----

rally(Call, Echo, CallerOptions, EchoOptions) ->
    Tester = self(),
    Partner = spawn_opt(fun() -> receive {caller, Caller} -> Echo(Caller) end end, EchoOptions),
    Begin = erlang:monotonic_time(),
    spawn_opt(fun() -> Partner ! {caller, self()}, Call(0, Partner, Tester) end, CallerOptions),
    await_countdown(),
    Took = per_operation(Begin, ?RALLY),
    exit(Partner, kill),
    Took.

call(?RALLY, _Partner, Tester) -> Tester ! over;
call(Number, Partner, Tester) ->
    Partner ! Number,
    Next = Number + 1,
    receive Next -> call(Next, Partner, Tester) end.

echo(Caller) ->
    receive
        Number ->
            Caller ! Number + 1,
            echo(Caller)
    end.

call_binary(?RALLY, _Partner, Tester) -> Tester ! over;
call_binary(Number, Partner, Tester) ->
    Partner ! <<Number:64>>,
    Next = Number + 1,
    receive <<Next:64>> -> call_binary(Next, Partner, Tester) end.

echo_binary(Caller) ->
    receive
        <<Number:64>> ->
            Caller ! <<(Number + 1):64>>,
            echo_binary(Caller)
    end.

%% ---- a thousand send, one receives: from when the senders, which are there, are told to begin ----

fan_in(Options) ->
    Tester = self(),
    Receiver = spawn_opt(fun() -> receive_any(?SENDERS * ?SENT_BY_EACH, 0, Tester) end, Options),
    Senders = [spawn(fun() -> receive start -> send_share(?SENT_BY_EACH, Receiver) end end)
               || _ <- lists:seq(1, ?SENDERS)],
    Begin = erlang:monotonic_time(),
    [Sender ! start || Sender <- Senders],
    receive {sum, Sum} -> Sum = ?SENDERS * ?SENT_BY_EACH * (?SENT_BY_EACH + 1) div 2 end,
    per_operation(Begin, ?SENDERS * ?SENT_BY_EACH).

send_share(0, _Receiver) -> ok;
send_share(Number, Receiver) ->
    Receiver ! Number,
    send_share(Number - 1, Receiver).

receive_any(0, Sum, Tester) -> Tester ! {sum, Sum};
receive_any(Left, Sum, Tester) ->
    receive Number -> receive_any(Left - 1, Sum + Number, Tester) end.

%% ---- a token round a ring: the number of hops that are left ----

ring() ->
    Tester = self(),
    First = spawn(fun() -> receive {next, Next} -> first_link(Next, Tester) end end),
    Last = add_links(?RING - 1, First, Tester),
    First ! {next, Last},
    Begin = erlang:monotonic_time(),
    First ! ?HOPS - 1,
    await_countdown(),
    Took = per_operation(Begin, ?HOPS),
    First ! stop,
    await_countdown(),
    Took.

add_links(0, Next, _Tester) -> Next;
add_links(Count, Next, Tester) ->
    add_links(Count - 1, spawn(fun() -> link_of(Next, Tester) end), Tester).

%% The stop comes back to where it began.
first_link(Next, Tester) ->
    link_of(Next, Tester),
    receive stop -> Tester ! over end.

link_of(Next, Tester) ->
    receive
        0 ->
            Tester ! over,
            link_of(Next, Tester);
        stop ->
            Next ! stop;
        Left ->
            Next ! Left - 1,
            link_of(Next, Tester)
    end.
