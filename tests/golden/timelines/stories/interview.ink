/* A conversation: weave, gathers, nested choices.
   Nothing here is a knot until the end. */
VAR trust = 5
VAR lied = false
"Sit," she says.
* "Thank you["]," you say, and do.
    ~ trust = trust + 1
* [Stay standing] You stay on your feet.
    ~ trust -= 1
    "As you like."
* -> 
- (opening) She opens a folder. It is empty.
 * (tea) [Ask for tea]
    There is tea. It is cold.
 * [Ask what this is about]
    "You know that."
    * * "I do not[."]," you lie.
        ~ lied = true
        ~ trust = trust * 2 - 4
    * * [Nod]
        * * * [Nod again] You nod again.
        * * * [Stop nodding]
        - - - Her pen moves.
    - - "Good."
 * {tea} [Drink]
    -> cold
- She closes the folder.
+ (louder) [Say it louder]
    -> opening
+ {louder >= 2 or lied} [Shout]
    The window rattles.
+ [Whisper]
- (second) <>
  Then nobody speaks.
{ trust > 5:
    * [Tell her everything] -> truth
    * [Tell her half]
        Half is already a lot.
  - else:
    * [Tell her nothing] -> silence
}
* [Look at the clock]
- "That is all."
-> leave

=== cold
It is the worst tea that you ever had.
-> opening

=== truth
~ temp honest = trust
~ honest++
{ honest > 8: -> friends } 
She writes it down.
-> leave

=== friends
She tears the page out again.
-> leave

=== silence
The clock is loud.
+ [Wait] -> silence
* {silence > 1} [Go] -> leave
* {silence == 1} [Cough] -> silence

=== leave
The corridor is long.
<- echoes
{lied && trust < 10: -> caught}
{
- trust > 8: Somebody holds the door.
- trust > 2: The door is heavy.
- else: The door is locked for a moment.
}
+ [Out] -> END

=== caught
"One more thing," she calls.
-> END

=== echoes
Steps.
-> DONE
