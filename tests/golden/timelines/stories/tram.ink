// The last tram: a night ride with knots, stitches and a purse.
# title: The Last Tram
# author: the house
INCLUDE sounds.ink
VAR coins = 3
VAR ticket = false
VAR mood = 0
VAR driver = "Tomas"
CONST FARE = 2
LIST stops = harbour, bridge

It is late. # audio: rain
-> stop

=== stop ===
The stop is lit by one lamp.
* [Read the timetable]
    The last tram is marked with a star.
    ~ mood = mood + 1
    -> stop
* [Count your coins] -> purse
+ {mood > 0} [Wait for it] -> tram
+ [Walk home] -> walk

=== purse
{ coins >= FARE:
    Enough for one ticket.
    -> stop
- else:
    -> walk
}

=== tram ===
= door
The doors fold open.
* [Buy a ticket]
    ~ coins -= FARE
    ~ ticket = true
    "Keep it," says the driver. -> seat
* [Slip in at the back] You hold your breath. -> seat
+ [Stay outside] -> walk
= seat
{not ticket: -> inspector}
The seat is warm.
+ [Look out] -> window
+ (doze) [Doze]
    ~ mood++
    -> seat
+ {doze > 1} [Sleep properly] -> terminus
* {window} {mood >= 1} [Talk to the driver] -> driver_talk
= window
Streets, and then none.
-> seat

=== inspector
"Tickets, please." # person: inspector
* "I[ have none"] thought you slept at this hour," you say.
    -> inspector.fine
* {coins > 0} [Offer a coin]
    ~ coins--
    ~ ticket = not ticket
    He looks away. -> tram.seat
= fine
He writes, and writes.
-> walk

=== driver_talk
"{driver}," he says, "and you are the last one."
-> where ->
{mood:
- 0: He is silent.
- 1: He nods.
- else: He sings a little.
}
* [Ring the bell] -> terminus
* ->
    There is nothing more to say.
    -> terminus

=== where
Past the bridge already.
->->

=== walk
{ tram.door and not tram.seat:
    The tram overtakes you, empty.
- else:
    It is a long way.
}
It rains.
* [Take the bridge] -> bridge
* [Take the park]
    ** [Left]
        -> bridge
    ** [Right] A dead end, and a bench.
        *** [Sit] -> bench
        *** [Turn round]
    -- You are wet through.
- The bridge, at last.
-> bridge

=== bridge
The river is high.
{bridge > 2: -> bench}
+ [Cross] -> home
+ [Look down] -> bridge

=== bench
You will hear the first tram from here.
-> END

=== terminus
"All out." The lamps go off.
+ [Walk the rest] -> home

=== home
{ticket: You pin the ticket to the wall.|You have nothing to show for it.}
-> END

=== function tired(x)
~ return x > 2
