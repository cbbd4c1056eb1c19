%% otp_tree.erl: supervisors with several children, and supervisors of supervisors; how long it takes from ending one of
%% the workers until its new incarnation has told that it is ready.
-module(otp_tree).
-behaviour(supervisor).
-export([restarts_in_group/1, restarts_in_tree/1, start_link/1, init/1]).

%% One supervisor with three children.
restarts_in_group(Order) ->
    restarts(group([watched, quiet, quiet]), Order).

%% A supervisor above three, each with two children.
restarts_in_tree(Order) ->
    restarts(group([{supervisor, group([watched, quiet])} | lists:duplicate(2, {supervisor, group([quiet, quiet])})]),
             Order).

group(Children) ->
    {group, Children}.

restarts(Group, {How, Count}) ->
    {ok, Top} = start_link({Group, self()}),
    First = ready(),
    Begin = erlang:monotonic_time(),
    Last = lists:foldl(fun(_, Worker) -> finish(How, Worker), ready() end, First, lists:seq(1, Count)),
    Took = erlang:monotonic_time() - Begin,
    true = is_process_alive(Last),
    unlink(Top),
    gen_server:stop(Top, shutdown, infinity),
    Took.

finish(kill, Worker) -> exit(Worker, kill);
finish(stop, Worker) -> gen_server:cast(Worker, stop).

ready() ->
    receive {ready, Worker} -> Worker end.

start_link(Arguments) ->
    supervisor:start_link(?MODULE, Arguments).

%% The intensity is out of the way: it is how often a service is allowed to fail, not how fast it can.
init({{group, Children}, Tester}) ->
    {ok, {#{strategy => one_for_one, intensity => 1000, period => 1},
          [child(Number, Child, Tester) || {Number, Child} <- lists:zip(lists:seq(1, length(Children)), Children)]}}.

child(Number, {supervisor, Group}, Tester) ->
    #{id => Number, type => supervisor, start => {?MODULE, start_link, [{Group, Tester}]}};
child(Number, watched, Tester) ->
    #{id => Number, start => {otp_child, start_link, [Tester]}};
child(Number, quiet, _Tester) ->
    #{id => Number, start => {otp_child, start_link, [nobody]}}.
