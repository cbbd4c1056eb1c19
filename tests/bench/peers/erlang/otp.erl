%% otp.erl: does with Erlang/OTP the work that the bench measures of the library, and tells what it took.
%%
%%     otp THREADS ROUNDS [WORD]
%%
%% (the script beside this file, which starts as many schedulers) prints OTP's version, then for every figure whose name
%% holds WORD a line "figure<TAB>peer<TAB>value": the median of ROUNDS samples, in nanoseconds.
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
    [measure(Name ++ "_" ++ Threads ++ "t", Peer, Level, How, list_to_integer(Rounds), Words)
     || {Name, Level} <- [{"restart_fiber_vs_otp", notice}, % as it is by default
                          {"restart_fiber_vs_silent_otp", none}], % reports are not even made
        {Peer, How} <- [{"otp", stop}, {"otp-kill", kill}]],
    halt().

measure(Name, Peer, Level, How, Rounds, Words) ->
    case lists:all(fun(Word) -> string:find(Name, Word) =/= nomatch end, Words) of
        true ->
            logger:set_primary_config(level, Level),
            io:format("~s\t~s\t~.1f~n", [Name, Peer, median(How, Rounds)]);
        false -> ok
    end.

median(How, Rounds) ->
    sample(How), % warm-up
    Samples = [sample(How) || _ <- lists:seq(1, Rounds)],
    lists:nth(Rounds div 2 + 1, lists:sort(Samples)).

%% The mean time of a restart: from the worker's end until its new incarnation has told the tester that it is ready.
sample(How) ->
    lists:sum([restarts(How) || _ <- lists:seq(1, ?SUPERVISORS)]) / ?SUPERVISORS.

restarts(How) ->
    Clock = atomics:new(2, []),
    {ok, Supervisor} = supervisor:start_link(?MODULE, [self(), Clock]),
    [gen_server:cast(ready(), How) || _ <- lists:seq(1, ?RESTARTS)],
    ready(),
    unlink(Supervisor),
    gen_server:stop(Supervisor, shutdown, infinity),
    erlang:convert_time_unit(atomics:get(Clock, 2), native, nanosecond) / ?RESTARTS.

ready() ->
    receive {ready, Worker} -> Worker end.

init(WorkerArguments) ->
    {ok, {#{strategy => one_for_one, intensity => 2 * ?RESTARTS, period => 1},
          [#{id => worker, start => {otp_worker, start_link, WorkerArguments}}]}}.
