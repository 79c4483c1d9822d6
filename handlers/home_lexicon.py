"""Words of everyday requests: one of these is no slip of a device's name.

Frequent words of spoken requests, English and German, and of stories, as stems (:func:`handlers.home_speech.stem_of`).
"""

COMMON = frozenset(
    """
    abbrechen abbruch abdeckung abdeckungen abgeschlossen abhaken able about above abschließen
    abspielen accent account across activate active activity add added adding address adjust
    afraid africa after afternoon again against ahead air airline airport akku aktivier
    aktuelle alarm alert alive all alle allen almost along already also alway america amex
    amount and angry anhalten animal another answer answered any anybody anymore anyone
    anything anzahl apart append apple applebee apply appointment appreciate appreciated
    approved apr april are area around arrive ask asked assistance assistant audio audiobook
    aufmachen aunt ausführen ausgelöst ausgeschaltet außer available away awful baby back bad
    balance bank base basi batterie battery bear beast beautiful because become bed bedtime
    beef been beende beep befehle befinden befindet before began begin beginning behind being
    bekannt beleuchtung beleuchtungen believe bell belong below benefit bereich beschattung
    beschattungen bescheid beside besides best better between big bill bird birthday bit bitte
    black blinding block blow blue boat bobbie body boiling bolt bolted book boot born boss
    both bother bottom brain brauchen bread break breakfast bright brighten brighter
    brightness bring british broke broken brother brought brown bump burger bus business busy
    but buy buzz cable cake calendar call called calorie calory came can canada cancel cannot
    capital captain car card care carefully carried carry cart case cash cat catch celsiu
    centimeter certain certainly chair chance change changed changing charge charged charger
    chase check checkbook checked checking cheese chicken child children chili china chinese
    choose city clara clarify clean cleaner cleaning clear click clock close closed closest
    closing clothe coat coffee coin cold colder color colour com come coming command company
    complaint computer confirm connect contact content continue conversion convert converter
    cook cool cooler coordinate corner correct correctly cosy could couldn count countdown
    country course covered crank cream create created creature credit cried cross cup current
    currently customer cut damaged dare dark darken darker date daten datum dawn day
    deactivate dead deal dear death declined decrease deep define definition degree delete
    deliver delivery delta deposit describe detail dial dice dich did didn diesem difference
    different dim dimme dimmen dimmer ding dinner direct direction disable disconnect discover
    dish disturb divided doch dock docked doctor doe doesn dog doing dollar done door dot down
    downstairs drehen drew drink drive drop dropped due dunkler durch dusk dye each earlier
    early earth eastern easy eat egal egg eigentlich eight eine einem einen einer
    eingeschaltet einige einkaufsliste einstellen either elaborate electric elephant else
    email enable end engage engine england english enjoy enough ensure entdeckt enter entferne
    entfernen entire entrieg episode erase erfunden erkannt erschaffen erstelle etwa euro even
    evening event ever every everybody everyone everything everywhere exact exactly except
    exception exchange excluding execute expect expiration expire explain express extinguish
    face fact factory fahr fahre fair fall false family far farbe fast faster father favor
    favorite favour february federal fee feel feeling feet fell fellow felt female fenster
    fernseh fetch field fifty figure filled film find fine finished fire first fish five fix
    flew flick flight flights flip floor flower following food foot for forecast forest forget
    form fort fortsetzen forward found four fragen fraudulent free freeze freezing fresh
    friday fridge friend from front frozen fuel full fully fun funny further färbe färben füge
    führe gallon game ganze garage garagen garagentor garagentore garden gas gate gave gebe
    gegenstand gegenstände gehen gemacht gerät geschlossen geschoss get getting geöffnet gibt
    girl give given glad glass gloomy glow gmail goe going gold golden gone good google got
    gotta gps grad grass great green grocery ground grow guess guests guten habe haben had
    hair hake half halfway hall hallo halt halte halten hand happen happened happening happy
    hard has hast hau hause have haven having head health healthy hear heard heart heat
    heating heavy heidi heizung held heller helligkeit hello help here hergestellt herself
    heute heutige hey hier high higher highest highway himself hinzu hinzufügen hit hobby hoch
    hold hole holiday home hook hope horse hot hotel hour house houston how human hundred hung
    hungry hurry hurt hält hören hörst idea illuminate inch include income increase indeed
    indian info inform information ingredient inside instead instruction insurance intensity
    interest interesting international interrupt into irgend island italy item its jalousie
    jalousien january japan jazz jede jeder jemand jerry jetzt job joke journey july jump june
    jungle just kalt kann kannst kaufen keep kept kids kill kind king knew knock know known
    kohlen komplette kälter könntest lade ladestation lady lamb lampe lampen land lange
    language large lass lassen last late lately later latest laufen laugh launch laundry
    lauter lautstärke learn least leave leaving left leiser less let letter letzte leuchten
    leute level licht lichte lichter lichtern lied life lift light lighten like liked limit
    line lion list liste listen listened listening lit little live living load local locate
    location lock locked locking long longer look looked looking lost lot loud louder loudness
    love lovely low lower lowered lowest luggage lunch läuft lösch lösche löschen lüfter
    macaroni mach mache machen machine macht made magic mail mailed main maintenance make
    making male mall manche manner many march market markise markisen martha master mastercard
    matter max maximum may maybe mcdonald meal mean meaning meant measure media meet meeting
    mehr mein meine meinen message mexican miami middle midnight might mile milk min mind
    minding mine minimum minute minuten miss mode mom moment monday money monkey monoxid month
    mood moon more morning most mother mouse move moved movie movy mpg much music musik must
    mute myself möchte nach name namen nancy near nearby nearest need needed nehme nehmen nenn
    never new next nice nicer nicht niedrig night nimm nimmst nine ninety nobody noch noise
    noon not notch note nothing notification notify now nudge number nutrition nutritional
    nächste nächster oben off office often ohne okay old once one online only onto open opened
    opening order original orlando other ought our out outback outside over package paid paint
    paper pari park part party passed past pause paused pausiere pausieren pay paycheck paying
    payment people percent perfectly perform perhap perk permanent person personen peso pet
    phoenix phone pick picture piece pin ping pirate pitch pizza place plain plan play
    playback played player playing playlist please pleased plu plug pocket podcast point
    policy pollyanna poor pop position possible post pound power powered prefer prepare
    pressure pretty previou price problem process processed provide prozent pto pull pulled
    purchase push put putting queen question quick quickly quiet quieter quietly quit quite
    radio raffstore rain raining raise raised ran rate rather rating rauf raum read reading
    ready real really reason recall received recent recently recipe recommend red redeem
    reduce refer regarding release remember remind reminder remove rent rental repeat rephrase
    replace replaced replacement replied reply report request require required reservation
    reserve reset respond response rest restaurant restriction resume return returned
    returning review reward rewind rice rich ride right river road robert robot rock roll
    rollo rollover root rose round roundtrip route routine routing run running runter russia
    safe sagen said same sand sara saturday sauge saugen save saved saving say saying
    scarecrow scene schalt schalte schalten schedule scheduled schicke schlie schliesse
    schließe schloss schlösser school schreib schreiben score script search seattle second
    secret secure secured see seem seemed seen sekunde sekunden send sendung sensor sent
    sentence service set setting setz setze setzen seven shade shall share sharp shine ship
    shoe shop shopping short shot should show showed shuffle shut sich side sided sight
    silence silly silver since sind sister sitting six skip skript sleep sleeping slide
    slightly slow slower slowly small smart smile snake snap snow social socket soft soften
    softer soldier some somebody someone something sometime song soon sorry sort sound soup
    south southwest spaghetti spanish speak speaker speaking specific speech speed spell spend
    spending spent sperr sperre spiel spiele spin spirit spoke spot spring spät square stand
    standby standing star starbuck start starte started starting state station statu
    staubsauger stay steak steakhouse stehen steht stell stelle stellen step steve stick still
    stock stoff stolen stone stood stop stopp stoppe stopped store story straight street
    strength strong stufe stunde stunden ständig stück subject substitute such suddenly sugar
    suggest suggestion sun sunday sunny supermarket supper suppose sure surprise sushi
    sweating swing switch switched szene sämtliche table taco tail take takeaway taken takeout
    taking talk talking tampa tank target task tax taxi tell temperatur temperature ten
    terrible text than thank thanks that the their them then there thermostat these they thi
    thing think thinking third thirsty thirty those though thought thousand three threw throne
    through throughout throw thursday ticket tiger till time timer timezone tint tire tired
    titel title toad today todo together toggle told tomorrow tone tonight too took top tore
    total tourist toward town track traffic train transaction transfer translate travel
    traveling travelling treasure tree tried trigger trip trivia trouble true try trying
    tuesday tune turn turned turning tweet twelve twenty twitter two type türen uber uhrzeit
    umbrella unbolt unbolted uncle under understand undo united unlock unlocked unpause unplug
    unten until update upon upper upstairs use used using usual vacation vaccination vacuum
    vacuuming value vega ventilator ventilatoren vergiss verkünde verkürze verlängere verrieg
    verriegelt verringere very veränder viel viele village visa visit voice volume vorh
    vorherige vorhänge wait waiting wake walk wall walmart wanna want wanted warm warmer warn
    was wasn watch watched water way weather wednesday week weekday weekend weiter welch
    welche welcher well wemo wendy wenig weniger went werden were wetter what whatever when
    where whether which while whisper white who whole whose why wide wiederhole wieviel wife
    wild will wind window wing wird wish wissen with without wohnzimmer woman wonder wonderful
    woodman word work working world worth would wouldn write wrong wurde wurden wärmer würdest
    yard yeah yeap year yellow yen yes yesterday yet york you young your yourself zeichnest
    zeit zimmer zone zuhause zumachen zurück zustand änder öffne überall
    """.split()
)
