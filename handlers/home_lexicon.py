"""Words of everyday requests: one of these is no slip of a device's name.

Frequent words of spoken requests, English and German, and of stories, as stems (:func:`handlers.home_speech.stem_of`).
"""

COMMON = frozenset(
    """
    abbrechen abbruch abdeckung abdeckungen abdrehen abgeschlossen abgesperrt abhaken able
    about above abschalten abschließen absperren abspielen abstellen abzuschalten
    abzuschließen accent account ach acht across activate active activity add added adding
    address adjust afraid africa after afternoon again against ahead air airline airport akku
    aktiv aktivier aktiviere aktivieren aktuelle alarm alert alive all alle allen aller almost
    along already also alway amal america amex amount and andere anderen anderthalb andocken
    anfängt angehen angeht angelassen angemacht angry anhalten animal anmachen another
    anschalten answer answered anwerfen any anybody anymore anyone anything anzahl anzumachen
    anzuschalten apart append apple applebee apply appointment appreciate appreciated approved
    apr april arbeiten are area around arrive ask asked assistance assistant auch audio
    audiobook auf aufdrehen aufgehen aufgeschlossen aufgesperrt aufladen aufmachen
    aufschließen aufsperren aufzumachen aufzuschließen aufzusperren aunt aus ausführen
    ausgehen ausgeht ausgelöst ausgemacht ausgeschaltet ausmachen ausschalten auszumachen
    auszuschalten außer available away awful baby back bad balance bank base basi batterie
    battery bear beast beautiful because become bed bedtime beef been beende beenden beep
    befehle befinden befindet before began begin beginne beginning behind bei beim being
    bekannt bekommen beleuchtung beleuchtungen believe bell belong below benefit bereich
    beschattung beschattungen bescheid beside besides besser best betrieb bett better between
    big bill bin bird birthday bis bisschen bissl bit bitte bitten black blasen bleiben
    blendet blinding block blow blue boat bobbie body boiling bolt bolted book boot born boss
    both bother bottom brain brauch brauche brauchen braucht bread break breakfast brennen
    brennt bright brighten brighter brightness bring bringe bringen british broke broken
    brother brought brown bräuchte bräuchten bump burger bus business busy but buy buzz cable
    cake calendar call called calorie calory came can canada cancel cannot capital captain car
    card care carefully carried carry cart case cash cat catch celsiu centimeter certain
    certainly chair chance change changed changing charge charged charger chasch chase check
    checkbook checked checking cheese chicken child children chili china chinese choose circa
    city clara clarify clean cleaner cleaning clear click clock close closed closest closing
    clothe coat coffee coin cold colder color colour com come coming command company complaint
    computer confirm connect contact content continue conversion convert converter cook cool
    cooler coordinate corner correct correctly cosy could couldn count countdown country
    course covered crank cream create created creature credit cried cross cup current
    currently customer cut dabei dafür daheim damaged damit danke dann daran darauf dare darf
    darfst dark darken darker das dass date daten datum davor dawn day deactivate dead
    deaktivieren deal dear death declined decrease deep define definition degree delete
    deliver delivery delta dem den denk denn deposit der describe detail dial dice dich dicht
    did didn diese diesem difference different dim dimm dimme dimmen dimmer ding dinner direct
    direction disable disconnect discover dish disturb divided doch dock docked doctor doe
    doesn dog doing dollar done door dot down downstairs dran draußen dreh drehe drehen dreht
    drehzahl dreiviertelstunde drew drink drive drop dropped drück drücke due dunkel dunkler
    durch dusk duster dye dürfen dürfte düster each earlier early earth eastern easy eat echt
    egal egg eigentlich eight ein eine eineinhalb einem einen einer eingeschaltet einige
    einkaufsliste einkaufszettel einmal einschalten einstellen einzuschalten either elaborate
    electric elephant else email enable end ende engage engine england english enjoy enough
    ensure entdeckt enter entferne entfernen entire entrieg entriegeln entriegelt episode
    erase erfunden erhöhe erhöhen erkannt erledige erschaffen erstelle essen etwa euro even
    evening event ever every everybody everyone everything everywhere exact exactly exakt
    except exception exchange excluding execute expect expiration expire explain express
    extinguish face fact factory fahr fahre fahren fahrt fair fall false family far farbe fast
    faster father favor favorite favour february federal fee feel feeling feet fehlt
    feierabend fell fellow felt female fenster fernseh fernsehen fertig fetch field fifty
    figure filled film find fine finished finster finstern fire first fish five fix flew flick
    flight flights flip floor flower following food foot for forecast forest forget form fort
    fortsetzen forward found four fragen fraudulent free freeze freezing fresh freundlich
    friday fridge friend friere frieren friert frisch from front frozen fuel full fully fun
    funny further färbe färben füg füge führe für gallon game ganz ganze garage garagen
    garagentor garagentore garden gas gate gave gebe gefallen gegenstand gegenstände geh gehe
    gehen geht gehört gelassen gell gemacht genau genug gerade gern gerne gerät geschlossen
    geschoss geschwindigkeit get getting geöffnet gib gibt girl give given glad glass gleich
    gloomy glow gmail goe going gold golden gone good google got gotta gps grad grass great
    green grell grocery ground grow gschwind guess guests guten guter gäste hab habe haben had
    hair hake halb halbe halber half halfway hall hallo halt halte halten hand happen happened
    happening happy hard has hast hau hause have haven having head health healthy hear heard
    heart heat heating heavy heidi heim heimfährt heimschicken heiz heize heizen heizt heizung
    heiß held hell heller helligkeit hello help herab here hergestellt herself herunter
    herunterfahren heute heutige hey hier high higher highest highway himself hinzu hinzufügen
    hit hobby hoch hochdimmen hochdrehen hochfahren hochziehen hochzufahren hold hole holiday
    home hook hope horse hot hotel hour house houston how human hundred hung hungry hurry hurt
    hälfte hält hätte hätten höhe höher höre hören hörst ich idea ihn illuminate immer inch
    include income increase indeed indian info inform information ingredient ins inside
    instead instruction insurance intensity interest interesting international interrupt into
    irgend isch island ist italy item its jalousie jalousien january japan jazz jede jedem
    jeden jeder jemand jerry jetzt job joke journey july jump june jungle just kalt kann
    kannst kaufen kaum keep kein kept kids kill kind kinder king klingelt knew knip knock know
    known kohlen komme kommen kommt komplett komplette kraft kurbel kurz kälter können könnte
    könnten könntest kühl kühle kühler lade laden ladestation lady lamb lampe lampen land
    lange language large lass lasse lassen last late lately later latest laufen laugh launch
    laundry laut lauter lautlo lautstärke learn least leave leaving left leise leiser leistung
    lese less let letter letzte letzten leuchten leuchtet leuchtkraft leute level licht lichte
    lichter lichtern lieb lieber lied life lift light lighten like liked limit line lion list
    liste listen listened listening lit little live living load local locate location lock
    locked locking long longer look looked looking los losfahren losschicken lost lot loud
    louder loudness love lovely low lower lowered lowest luft luggage lunch lädt läuft lösch
    lösche löschen lüften lüfter macaroni mach mache machen machine machst macht made mag
    magic magst mail mailed main maintenance make making male mall manche manner many march
    market markise markisen martha master mastercard matter max maximal maximale maximum may
    maybe mcdonald meal mean meaning meant measure media meet meeting mehr mein meine meinem
    meinen meiner message mexican miami mich middle midnight might mile milk min mind minding
    mine minimum minute minuten mir miss mit mode mogst mom moment monday money monkey monoxid
    month mood moon more morning most mother mouse move moved movie movy mpg much music musik
    muss must mute myself möchte möchten möglich müssen müsste nach nachbarn nachricht
    nachrichten nachsehen name namen nancy near nearby nearest need needed nehme nehmen nein
    nen nenn nenne nennen nervt nett never new next nice nicer nicht niedrig niedriger night
    nimm nimmer nimmst nine ninety nobody noch nochmal noise noon not notch note nothing
    notiere notification notify now nudge number nur nutrition nutritional nächste nächsten
    nächster oben oder off offen office often ohne okay old oma once one online only onto open
    opened opening order original orlando ostern other ought our out outback outside over
    package paid paint paper pari park part party passed past pause paused pausiere pausieren
    pay paycheck paying payment people percent perfectly perform perhap perk permanent person
    personen peso pet phoenix phone pick picture piece pin ping pirate pitch pizza place plain
    plan play playback played player playing playlist please pleased plu plug pocket podcast
    point policy pollyanna poor pop position possible post pound power powered prefer prepare
    pressure pretty previou price problem process processed provide prozent prüfen pto pull
    pulled purchase push pusten put putting putzen putzt queen question quick quickly quiet
    quieter quietly quit quite radio raffstore rain raining raise raised ran rate rather
    rating rauf raufdrehen raum read reading ready real really reason recall received recent
    recently recipe recommend red redeem reduce reduziere reduzieren refer regarding reichen
    reicht rein reinigen reinigung release remember remind reminder remove rent rental repeat
    rephrase replace replaced replacement replied reply report request require required
    reservation reserve reset respond response rest restaurant restriction resume return
    returned returning review reward rewind rice rich ride riegel right river road robert
    robot rock roll rollo rollover root rose round roundtrip route routine routing run running
    runter runterdimmen runterdrehen runterfahren runterlassen russia safe saft sag sage sagen
    said same sand sara saturday sauber sauge saugen saugt save saved saving say saying
    scarecrow scene schalt schalte schalten schaltet schau schauen schedule scheduled scheinen
    scheint schick schicke schicken schlafen schlie schliesse schließ schließe schließen
    schließt schloss schluss schläft schlösser schmeiß schnell schon school schreib schreibe
    schreiben schwach schwitze schwitzen schwächer schön score script search seattle second
    secret secure secured see seem seemed seen sehe sehen sei seien sein sekunde sekunden send
    sendung senke senken sensor sent sentence service set setting setz setze setzen seven
    shade shall share sharp shine ship shoe shop shopping short shot should show showed
    shuffle shut sich side sided sie sieh sieht sight silence silly silver since sind sister
    sitting six skip skript sleep sleeping slide slightly slow slower slowly small smart smile
    snake snap snow social socket sofort soft soften softer soldier soll sollen sollst sollte
    sollten some somebody someone something sometime sondern song sonne soon sorg sorge sorgen
    sorry sort sound soup south southwest spaghetti spanish speak speaker speaking specific
    speech speed spell spend spending spent sperr sperre spiel spiele spielen spielt spin
    spirit spoke spot spring spät square stand standby standing star starbuck stark start
    starte started starten starting state station statu staubsaugen staubsauger stay steak
    steakhouse stehen steht steigere steigern stell stelle stellen stellt stellung step steve
    stick stickig still stimmung stock stockdunkel stoff stolen stone stood stop stopp stoppe
    stopped stoppen store story strahlen straight street strength strom strong stufe stumm
    stummschalten stummschaltung stunde stunden ständig stärke stärker stört stück stürmen
    subject substitute such suddenly sugar suggest suggestion sun sunday sunny super
    supermarket supper suppose sure surprise sushi sweating swing switch switched szene
    sämtliche table taco tail take takeaway taken takeout taking talk talking tampa tank
    target task tax taxi telefoniere tell temperatur temperature ten terrible text than thank
    thanks that the their them then there thermostat these they thi thing think thinking third
    thirsty thirty those though thought thousand three threw throne through throughout throw
    thursday ticket tiger till time timer timezone tint tire tired titel title toad today todo
    together toggle told toll tomorrow tone tonight too took top tore total tourist toward
    town track traffic train transaction transfer translate travel traveling travelling
    treasure tree tried trigger trip trivia trouble true try trying tue tuesday tun tune turn
    turned turning tweet twelve twenty twitter two type türen uber uhr uhrzeit umbrella unbolt
    unbolted uncle und under understand undo ungefähr united unlock unlocked unpause unplug
    uns unser unsere unten unterbrechen until update upon upper upstairs use used using usual
    vacation vaccination vacuum vacuuming value vega ventilator ventilatoren vergessen vergiss
    verkünde verkürze verlängere verrat verrieg verriegeln verriegelt verringere verringern
    very veränder viel viele viertelstunde village visa visit voice voll volle voller
    vollständig volume vom von vor vorbei vorh vorherige vorherigen vorhin vorhänge vorige
    vorigen voriger wait waiting wake walk wall walmart wanna want wanted warm warmer warn
    warum was wasn watch watched water way weather wechsel wechsle wednesday week weekday
    weekend weg weiter weiterlaufen weitermachen weiterspielen weißt welch welche welchen
    welcher well wemo wendy wenig weniger wenn went wer werden were wetter wetterbericht what
    whatever when where whether which while whisper white who whole whose why wide wie wieder
    wiedergabe wiederhole wieso wieviel wife wild will wind window wing wir wird wirf wish
    wissen with without wochen wohnung wohnzimmer wollen woman wonder wonderful woodman word
    work working world worth would wouldn write wrong wurde wurden wähle wär wäre wären wärme
    wärmer würde würden würdest yard yeah yeap year yellow yen yes yesterday yet york you
    young your yourself zeichnest zeig zeit zieh ziehe ziehen zieht ziemlich zimmer zone
    zugehen zugesperrt zuhause zum zumachen zur zurück zurückdrehen zurückfährt zurückschicken
    zuschließen zusperren zustand zuzumachen zuzusperren zwar änder ändere ändern öffne öffnen
    öffnung über überall überspring überspringe überspringen
    """.split()
)

PLACE_WORDS = frozenset(
    """bedroom bathroom kitchen garden porch balcony terrace patio hall hallway office garage
    basement cellar attic yard backyard deck studio lounge library gym nursery pantry closet
    entrance foyer corridor pool sauna barn shed loft den veranda driveway room study quarter
    floor level wohnzimmer schlafzimmer kinderzimmer esszimmer arbeitszimmer badezimmer
    gästezimmer küche flur büro keller terrasse balkon dachboden erdgeschoss
    obergeschoss""".split()
)
"""Words for rooms, as stems."""
