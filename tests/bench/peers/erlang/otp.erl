%% otp.erl: does with Erlang/OTP the work that the bench measures of the library, and tells what it took.
%%
%%     otp THREADS ROUNDS [WORD]
%%
%% (the script beside this file, which starts as many schedulers) prints OTP's version, then for every figure whose name
%% holds WORD a line "figure<TAB>peer<TAB>value": the median of ROUNDS samples, in nanoseconds, or
%% bytes where the name says so.
-module(otp).
-behaviour(supervisor).
-export([main/1, init/1]).

%% The supervisor looks through all restarts of its period at each restart. A service restarts seldom, so a supervisor is
%% replaced by a fresh one before that becomes most of what is measured.
-define(RESTARTS, 20).
-define(SUPERVISORS, 50).

main([Threads, Rounds | Words]) ->
    io:format("# Erlang/OTP ~s, erts ~s~n",
              [erlang:system_info(otp_release), erlang:system_info(version)]),
    [measure(Name ++ Log ++ "_" ++ Threads ++ "t", Peer, Level, Sample, How,
             list_to_integer(Rounds), Words)
     || {Name, Sample} <- [{"restart_fiber", fun restarts/1},
                           {"supervisor_restart", fun otp_tree:restarts_in_group/1},
                           {"tree_restart_leaf_10", fun otp_tree:restarts_in_tree/1}],
        {Log, Level} <- [{"_vs_otp", notice}, % as it is by default
                         {"_vs_silent_otp", none}], % reports are not even made
        {Peer, How} <- [{"otp", stop}, {"otp-kill", kill}]],
    [measure_plainly(Name ++ "_" ++ Threads ++ "t", Peer, Sample, list_to_integer(Rounds), Words)
     || {Name, Peer, Sample} <- otp_messages:figures()],
    halt().

measure(Name, Peer, Level, Sample, How, Rounds, Words) ->
    case is_wanted(Name, Words) of
        true ->
            logger:set_primary_config(level, Level),
            tell(Name, Peer, median(fun() -> mean(Sample, How) end, Rounds));
        false -> ok
    end.

%% What a figure occupies is measured once in a process: a second time it would have what the first has left.
measure_plainly(Name, Peer, Sample, Rounds, Words) ->
    case {is_wanted(Name, Words), string:find(Name, "_bytes")} of
        {false, _} -> ok;
        {true, nomatch} -> tell(Name, Peer, median(Sample, Rounds));
        {true, _} -> tell(Name, Peer, Sample())
    end.

is_wanted(Name, Words) ->
    lists:all(fun(Word) -> string:find(Name, Word) =/= nomatch end, Words).

tell(Name, Peer, Value) ->
    io:format("~s\t~s\t~.1f~n", [Name, Peer, float(Value)]).

median(Sample, Rounds) ->
    Sample(), % warm-up
    Samples = [Sample() || _ <- lists:seq(1, Rounds)],
    lists:nth(Rounds div 2 + 1, lists:sort(Samples)).

mean(Sample, How) ->
    Took = [Sample({How, ?RESTARTS}) || _ <- lists:seq(1, ?SUPERVISORS)],
    erlang:convert_time_unit(lists:sum(Took), native, nanosecond) / (?SUPERVISORS * ?RESTARTS).

%% How long restarts take: from the worker's end until its new incarnation has told the tester that it is ready.
restarts({How, Count}) ->
    Clock = atomics:new(2, []),
    {ok, Supervisor} = supervisor:start_link(?MODULE, [self(), Clock]),
    [gen_server:cast(ready(), How) || _ <- lists:seq(1, Count)],
    ready(),
    unlink(Supervisor),
    gen_server:stop(Supervisor, shutdown, infinity),
    atomics:get(Clock, 2).

ready() ->
    receive {ready, Worker} -> Worker end.

init(WorkerArguments) ->
    {ok, {#{strategy => one_for_one, intensity => 2 * ?RESTARTS, period => 1},
          [#{id => worker, start => {otp_worker, start_link, WorkerArguments}}]}}.
