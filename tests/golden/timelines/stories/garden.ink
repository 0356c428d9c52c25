VAR seeds = 4
VAR water = 0
VAR gate_open = false
VAR note = ""
-> gate

== gate
= first
A gate, and behind it a garden.
-> look
= look
* [Knock] Nobody. -> look
* [Push] 
  ~ gate_open = true
  -> look
+ {gate_open} [Go in] -> garden
+ {gate.look > 2 and not gate_open} [Climb over] -> garden
* -> hedge

== hedge
You lose the way around the hedge.
-> END

== garden
{garden == 1: The beds are bare.}
{garden > 1: The beds are waiting.}
+ {seeds > 0} [Sow]
  ~ seeds--
  -> bed
+ [Fetch water] -> well
+ {bed >= 2 && water >= 2} [Wait for spring] -> spring
+ {not note} [Read the board] -> board
+ {note == "do not enter"} [Obey the board] -> gate.look
* {seeds == 0} [Look for seeds] -> shed

== bed
{ water > 1:
  ~ water = water - 2
  It drinks.
}
{ bed:
- 1: The first row.
- 2: The second row.
- else: Another row.
}
-> garden

== well
~ water = 2 + water
The bucket is heavy.
{ well > 3 or water >= 8:
  -> tired
- else:
  -> garden
}

== tired
You sit down.
* [Sleep] -> dream
+ [Go on] -> garden

== dream
Green. {~Apples|Pears|Plums}.
-> spring

== board
~ note = "do not" + " enter"
It says: {note}.
+ [Back] -> garden

== shed
~ seeds = 3 * (seeds + 1)
A paper bag, half full.
-> garden

== spring
It comes by itself.
{ seeds == 4: -> empty | -> full }

== empty
Nothing grows where nothing was sown.
-> END

== full
~ temp apples = 3
{ apples:
- 1: One apple.
- 3:
  Three apples.
  -> END
}
-> END
