%% otp_child.erl: a worker of a usual kind, which tells the tester, if there is one, when it is ready.
-module(otp_child).
-behaviour(gen_server).
-export([start_link/1, init/1, handle_call/3, handle_cast/2]).

start_link(Tester) ->
    gen_server:start_link(?MODULE, Tester, []).

init(nobody) ->
    {ok, nobody};
init(Tester) ->
    Tester ! {ready, self()},
    {ok, Tester}.

handle_call(_Request, _From, Tester) ->
    {noreply, Tester}.

handle_cast(stop, Tester) ->
    {stop, failed, Tester}.
