%% otp_worker.erl: a worker of a usual kind, which tells when it is ready and ends when it is told to.
-module(otp_worker).
-behaviour(gen_server).
-export([start_link/2, init/1, handle_call/3, handle_cast/2]).

%% Clock: slot 1 when the last incarnation ended, 0 at first; slot 2 how long all restarts took.
start_link(Tester, Clock) ->
    gen_server:start_link(?MODULE, {Tester, Clock}, []).

init({Tester, Clock}) ->
    Tester ! {ready, self()},
    case atomics:get(Clock, 1) of
        0 -> ok;
        Ended -> atomics:add(Clock, 2, erlang:monotonic_time() - Ended)
    end,
    {ok, Clock}.

handle_call(_Request, _From, Clock) ->
    {noreply, Clock}.

handle_cast(How, Clock) ->
    atomics:put(Clock, 1, erlang:monotonic_time()),
    finish(How, Clock).

finish(stop, Clock) ->
    {stop, failed, Clock};
finish(kill, Clock) ->
    exit(self(), kill),
    {noreply, Clock}.
