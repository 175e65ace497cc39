"""What contacts write to a shop, in Spanish, and Chile's; what each kind is for, `vocabulary` says."""

WORDS = {
    "greetings": """
        hola holaa holi holis holas ola wena wenas wenos buen buena buenas buenos alo saludos oye oiga
    """,
    "thanks": "gracias grax grx grasias agradecido agradecida agradezco agradecemos amable pasaste",
    "closings": """
        ok oka okey nomas oki doki ya dale listo listoco super perfecto bacan genial no nada vale bien bueno
        joya
    """,
    "farewells": "chao chau chaito adios bye nos hasta cuidate",
    "chat": """
        estos estas esos esas aquello otra otro uno
        q vecino vecina estimado estimada estimados caballero senor senorita jefe jefa maestro mijo bro
        cabros cabras chiquillos chiquillas muchachos gente caserito caserita patron loco loca
        compa compadre amigo amiga amigos hermano hermana perro po poh pues que tal como estas
        estai esta va vamos anda andai onda mas dia dias tarde tardes noche noches wn weon todo todos bien
        muy y ya a la lo los por aca ahi te tu ti su usted ustedes igual muchas mucha mil super listo
        porfa porfis xfa porfavor favor plis vemos luego pronto manana me voy eso es era no nada de el esa
        ese este vale se o un una pa para
        cual
    """,
    "price": """
        precio precios cuanto kuanto cuanta cuesta cuestan vale valen valor valores sale salen total
        serian saldria saldrian saldra costaria costarian costara valdria valdrian quedaria quedarian cobran
        cobras cobrarian suma suman sumaria sumarian
    """,
    "stock": "stock queda quedan cuantos cuantas disponible disponibles disponibilidad unidades",
    "asking": """
        algo algun alguna algum something anything
        tienes tiene tienen teni tenis tenes tendras tendran tendra hay venden vendes vende vendi vendis
        quiero kiero queria quisiera busco buscando buscaba necesito nesesito dame deme comprar llevar
        ofrecen manejan trabajan muestrame muestra
    """,
    "yes": """
        si sip sipo claro obvio interesa llevo compro comprar comprarlo comprarla quiero kiero dale ya
        bueno
    """,
    "filler": """
        suelto suelta sueltos sueltas
        grande grandes chico chica chicos chicas pequeno pequena pequenos mediano mediana largo larga ancho
        delgado grueso firme firmes resistente resistentes comodo comoda suave suaves simple
        blanco blanca blancos blancas negro negra negros negras rojo roja rojos rojas azul azules verde verdes
        amarillo amarilla gris grises rosado rosada cafe celeste morado morada color colores
        par pares unidad unidades caja cajas rollo rollos bolsa bolsas paquete paquetes botella botellas
        suegra suegro tia tio abuela abuelo abuelita prima primo sobrina sobrino cunada cunado profe profesora
        pareja esposa esposo novia novio bebe guagua recuerdo recuerdos bautizo matrimonio graduacion
        aniversario boda fiesta asado colegio trabajo curso con
        las unos unas son sus del al fue sera eran estan hacen hace hago
        alguien nadie quien recien piden pide pidieron exigen dicen dijeron
        ovillo ovillos madeja madejas frasco frascos tarro tarros pote potes
        living comedor pieza dormitorio cocina patio terraza oficina
        desde sobre rango under anything something above over
        hacer mandame mandenme envia enviame foto fotos imagen imagenes video fisico cada alcanza talla
        mi mis me le en se nos
        pueda puedan sea sean jugar usar uso regalarle regalarles diferencia diferencias conviene convienen
        deberia demora calentar entonces creo oiga serian otra otro aparte super buenisimo buen gran
        algo alguna alguno algunas algunos bonito bonita lindo linda rico rica bueno buena buenos original
        nuevo nueva nuevos urgente ahora hoy necesito regalo regalar
        recomiendan recomendarian aconsejan sugieren recomiendas recomienda recomendar recomendacion
        recomendarias aconsejas sugieres mejor mejores
        barato barata baratos baratas economico economica economicos caro cara sirve sirven serviria
        aguante aguanten resista resistan soporte soporten aguanta aguantan soporta soportan resiste trae
        traen incluye incluyen mide miden pesa pesan dura
        duran viene vienen funciona compatible compatibles tengas tengan tenga ustedes les quede queden
        todavia aun tipo clase estilo marca extra ademas solo sola solamente igual tambien podria podrias
        puede consulta pregunta saber informacion info cotizar duda total serian seria serviran casa ver
        mirar llevo encargo encargar pedir pido comprar komprar gustaria encantaria interesado interesada
        interesan interesa tal vez caleta harto poco mucho onda cachai bkn bacan filete quisiera ando
        buscando estaba vi foto instagram publicacion anuncio pagina anos cumpleanos cumple cosa cosas
        andamos estamos buscamos queremos necesitamos ocupo ocupamos lleva contiene contienen incluido
        incluida incluidos incluidas cuenta junto juntos junta
        juntas da dan den pase pasen supere
        superen xl xxl xs
        producto productos articulo articulos
        modelo modelos vieja viejo hijo hija nino nina senora pololo polola mama papa menos hasta entre
        maximo presupuesto lucas luca luquitas mil pesos plata tope alcanza rondando
    """,
}

EXPRESSIONS = {
    "leaves": r"""
        me_equivoque(?:_de_(?:numero|chat|persona|contacto))?$ quedo_atent[oa]
        (?:ja|je|ji|jk)(?:ja|je|ji|jk)\w*
        (?:solo|solamente)_(?:estaba_|estoy_|andaba_)?(?:mira\w*|vitrine\w*|cotiz\w*|pregunt\w*|ve[ri]\w*)
        por_ahora_no no_por_ahora lo_voy_a_pensar lo_pienso despues_(?:te_|les_)?(?:hablo|escribo|aviso)
        (?:solo|solamente)?_?(?:estaba|andaba|ando|estoy)_(?:mirando|vitrineando|cotizando|preguntando|viendo)
        (?:despues|luego|mas_tarde|manana)_(?:vuelvo|paso|voy|compro|vengo|escribo|hablamos)
        (?:le|les|te|lo|la)_(?:confirmo|comento|cuento|converso|consulto|pregunto)(?=$|_(?:despues|luego|manana|mas|altiro|al_tiro|cualquier|en|el|la|a|al|con|y|ok|gracias|entonces)\b)
        ^(?:\w+_){0,4}(?:ahi_|entonces_)?(?:paso|pasamos|pasare|voy)_(?:el|manana|mas|luego|hoy|en_la|a_la|por_alla)
        (?:era|seria|fue)_(?:eso|todo)(?:_nomas|_no_mas)?$
        (?:eso|nada)_(?:seria|mas|era)(?:_todo)? te_aviso les?_aviso mas_rato
        lo_(?:converso|consulto|hablo|veo|pienso)(?:_con)?
    """,
    "greeting": r"""
        como_(?:va|vamos|estas?|estai|estan|andas?|andai|te_va|les_va|amaneci\w*)
        (?:que|q|k)_(?:tal|onda|hubo) (?:dias?|hola|buenas|wenas|tardes|noches)_caser[oa]$
        todo_(?:bien|piola|bacan|tranquilo|en_orden)$
        (?:estas?|estai|estan|andas?|andai|andan|siguen?)_(?:por_)?(?:ahi|aca)$ hay_alguien
        me_(?:puedes?|pueden|podrias?)_ayudar
        (?:disculp[ae]|disculpen|perdon)_(?:la|las|el|que)_(?:\w+_)?(?:molest\w+|horas?|demora)
        ^(?:disculp[ae]|perdon)$
        (?:quisiera|queria|quiero|necesito|podria|puedo)_(?:consultar|preguntar|saber)(?:te|le|les)?(?:_algo|_una_cosa)?$
        tengo_una_(?:duda|pregunta|consulta)
        una_(?:consulta|consultita|preguntita|pregunta|dudita|duda)
        no_(?:te_)?entiend\w+ se_puede_(?:preguntar|consultar)(?:_algo)?(?:_por_(?:aca|aqui))?$
    """,
    "catalogue": r"""
        catalogo menu lista_de_(?:productos|precios) (?:que|sus|los|tus)_(?:productos|categorias)
        ^todo(?:_lo_que_(?:tengas?|tienen|haya))?$
       
        que_(?:cosas_|mas_|otras_cosas_)?(?:tienes|tienen?|teni|tenis|hay|venden?|vendes|vendi|vendis|ofrecen)(?:_(?:para_vender|a_la_venta|ahi|aca|hoy|disponible|po))*$
    """,
    "who": r"""
        quien(?:es)?_(?:eres|son) con_quien_hablo eres_(?:un_|una_)?(?:bot|robot|maquina|ia|persona)
        como_te_llamas habla\w*_con_(?:un|una)_(?:bot|robot|maquina)
    """,
    "insult": r"""
        por_la_(?:chucha|cresta) chuchetumare
        ladron(?:es|a|as)? estafador\w* sin_?verguenzas? conche_?(?:tu|su)\w* ctm csm
        (?:q|cu)li(?:a[os]?|ado)s? mierdas? imbecil\w* inutil\w* idiotas? hijo_de_puta hdp aweona\w*
        mamones chantas?
    """,
    "complaint": r"""
        me_(?:trajeron|trajo|sirvieron|sirvio|dieron|llego|llegaron)_(?:\w+_){1,4}(?:fri[oa]|crud[oa]|quemad[oa]|recocid[oa]|dur[oa]|pasad[oa]|vencid[oa])s?$
        (?:super|muy|re|bien)_(?:pesad|groser|antipatic|maleducad|desagradabl|prepotent)\w*
        me_(?:trajeron|trajo|sirvieron|sirvio|dieron|llego|llegaron)_(?:\w+_){1,4}(?:fri[oa]|crud[oa]|quemad[oa]|dur[oa])s?_y
        lleg(?:o|aron)_(?:tod[oa]_|muy_|medi[oa]_)?(?:fri|crud|quemad|mojad|aplastad|derretid|helad)[oa]s?
        falt(?:o|aba|aron|aban)_(?:el|la|los|las|un|una|mi|la_mitad|\d)
        (?:mal[oa]|pesim[oa]|penca|horrible|malisim[oa])_(?:el|la|su)_(?:servicio|atencion|calidad|comida|trato)
        me_(?:mandaron|trajeron|enviaron|entregaron|dieron|vendieron|llego)_(?:pur[oa]s?_|tod[oa]_)?\w+_(?:mojad|humed|podrid|vencid|usad|dañad|picad|rancid)[oa]s?
        (?:son|que)_unos_(?:fresc|caradur|sinverguenz|barsa)\w*
        me_(?:salio|salieron|dio|produjo|provoco)_(?:\w+_)?(?:alergia|ronchas?|irritacion|sarpullido|picazon|dolor)
        me_lleg(?:o|aron)_(?:\w+_){0,8}(?:rot|quebrad|trizad|rayad|mal|fallad|manchad|marchit|podrid|aplastad|muert)[oa]s?
        (?:da|sale|tira|aparece)_(?:un_)?error error_(?:al|en|cuando)
        no_(?:me_)?deja_(?:pagar|comprar|terminar)
        (?:vin|ven|lleg|sal)(?:o|ia|ian|ieron|aron)_con_(?:\w+_){1,3}(?:rot|trizad|quebrad|rayad|suelt|fallad|manchad|rajad)[oa]s?
        (?:me_vino|vinieron|venian?)_(?:muy_|tod[oa]s?_|medi[oa]_)?\w+[ai]d[oa]s?$
        (?:venian?|vino|vinieron)_tod[oa]s?_\w+
        ^(?:muy_|todo_|que_)?(?:pesim[oa]|horrible|malisim[oa]|fatal|penca)s?$
        (?:mal|pesimamente)_escrit[oa]s?
        (?:dos|2|doble)_(?:cargos?|cobros?)
        (?:cargos?|cobros?)_(?:iguales|dobles?|duplicad[oa]s?|repetid[oa]s?)
        (?:cobraron|cobro|cargaron)_(?:\w+_){0,2}(?:dos_veces|doble|de_mas) nunca_germin\w+ no_germin[oa]\w*
        ^(?:pedi|compre|encargue|queria|era|pague)_(?:\w+_){1,8}(?:y|pero)_me_(?:lleg|mand|trajer|envi|vin|dier|entreg)\w+
        me_lleg(?:o|aron)(?:_\w+){0,4}_otr[oa]s? me_lleg(?:o|aron)_(?:\w+_){1,4}\w{2,12}[ai]d[oa]s?
        ^(?:el|la|los|las|mis?)_\w+(?:_\w+)?_(?:me_)?(?:lleg|vin)(?:o|aron|ieron)_(?:\w+_)?(?!nuev|bien)\w+[oa]s?$
        esperando_(?:hace|desde|una|hasta) llev(?:o|amos)_(?:\w+_){1,3}esperando me_vendieron
        hace_rato (?:son|que|muy)_lent[oa]s?
        reclam\w+ queja\w* estaf\w+ sernac denunci\w+ nadie_(?:me_)?(?:responde|contesta|atiende)
       
        lleg\w+_(?:\w+_){0,4}(?:aplastad|derretid|sucio)[oa]?s?
        lleg\w+_(?:\w+_){0,4}(?:rot|mal|danad|equivocad|vencid|abiert|incomplet|quebrad|fallad|trizad|manchad)[oa]?s?
       
        (?:vino|vinieron|venian?|salio|esta|estaba)_(?:\w+_)?(?:rot|danad|equivocad|vencid|fallad|quebrad|mal[oa])[oa]?s?
        (?:salieron|llegaron|quedo|quedaron)_(?:\w+_)?(?:mal[oa]?|rot[oa]|defectuos[oa]|fallad[oa]|chuec[oa]|cort[oa]|sec[oa])s?
        (?:veo|funciona|suena|anda|cierra|quedo)_(?:borros[oa]|mal|raro|pesimo)
        (?:vino|vinieron|venian?|salio|estaban?)_(?:\w+_)?(?:aplastad|derretid|suci|abiert|trizad|manchad)[oa]s?
        (?:vino|vinieron|venian?|salio|estaban?)_(?:\w+_)?(?:quemad|crud|podrid|incomplet|descosid|rayad|agri)[oa]s?
        (?:encontr\w+|salio|venia|traia)(?:_\w+){0,2}_(?:pelos?|bichos?|insectos?|moscas?|gusanos?|hongos|moho|vidrios?|gorgojos?|larvas?|polillas?|cucarachas?|hormigas?)
        (?:vino|vinieron|venian?)_con_(?:un_|una_|unos_|unas_)?(?:pelos?|bichos?|insectos?|moscas?|gusanos?|hongos|moho|vidrios?|gorgojos?|larvas?|hoyos?|manchas?|rayas?)
        (?:que|k|puro)_(?:asco|asqueros[oa]|verguenza) asqueros[oa]s?
        no_(?:me_)?(?:funciona|prende|enciende|sirvio|anda|carga)(?:_\w+)?$ dejo_de_(?:funcionar|prender)
        devuelv\w+_(?:la|mi)_(?:plata|platita|dinero) (?:quiero|necesito)_(?:mi|la)_(?:plata|dinero)
       
        me_(?:cobraron|enganaron|mandaron|enviaron|entregaron|dieron|pasaron)_(?:\w+_){0,4}(?:mal|otr[oa]|de_mas|doble|dos_veces|equivocad[oa])
        me_(?:dejo|causo|provoco|irrito|quemo|mancho|arruino)_(?:el|la|las|los|un|una|mi|tod[oa])
        (?:mala|pesima|pesimo)_(?:atencion|servicio|calidad) me_hizo_mal me_falt[oa]\w* llego_otr[oa]
        no_era_lo_que
    """,
    "broken": r"se_(?:(?:me|le|nos)_)?(?:rompio|quebro|echo_a_perder|murio|descosio|solto|cayo)",
    "order": r"""
        mi_(?:pedido|compra|orden|paquete|encargo|envio|despacho) en_que_va seguimiento tracking ya_pague
        (?:el|mi)_numero_de_(?:pedido|orden) (?:no|aun|todavia)_(?:no_)?(?:me_)?(?:ha_)?lleg(?:a|o|ado)\b
        hice_(?:una|un|la|el)_(?:compra|transferencia|pedido|pago)
       
        nadie_me_(?:confirm|avis|llam)\w*
        (?:compre|pague|pedi|encargue)_(?:\w+_){0,3}(?:ayer|(?:para|pa)_(?:hoy|manana|ayer)|semana|lunes|martes|miercoles|jueves|viernes|sabado|domingo|hace|dias)
        ya_(?:compre|transferi|hice) (?:anular|cancelar)_(?:mi|el|la|un)_(?:pedido|compra)
        que_(?:me_|le_|les_|nos_)?(?:compre|pedi|encargue|compramos|pedimos|encargamos)
        que_(?:me_|nos_)(?:vendio|vendieron|vendiste|mando|mandaron|mandaste|dieron|diste|trajo|trajeron|llego|llegaron)
        (?:hoy|ayer|manana)_(?:me_)?(?:salia|llegaba) mi_encomienda
        nunca_(?:me_|le_|nos_)?(?:lleg|recib|entreg)\w+ no_(?:he_|ha_|hemos_)?recibi\w*
        que_(?:lleve|deje|mande|llevamos|dejamos)_a_\w+[aei]r en_que_quedo_mi lo_que_(?:compre|pedi)
        pedido_(?:numero|n|nro|\d)
    """,
    "haggling": r"""
        cuanto_me_(?:l[oa]s?_)?(?:haces?|hacen|haci[s]?|dejas?|dejan|deji[s]?)
        me_(?:haces?|hacen|hai|haria[ns]?|dan|das|dai)_(?:un_|el_)?[0-9]{1,2}(?:_por_ciento|_porciento|_si\b|_de_desc\w*|$)
        me_l[oa]s?_(?:\w+_)?dej\w+(?!_(?:sin|con|list[oa]s?|en_(?:la|el|mi)|\w+[ai]d?[oa]s?)\b)
        d[ei]j(?:e|a|en|ai)(?:me|nos)l?[oa]?s?(?:_\w+){0,4}_(?:en|a|por)_[0-9]+
        me_dej(?:a|as|ai|an|aria|arias)_(?:\w+_){0,4}(?:en|a|por)_[0-9]+
        (?:otro|mejor|buen)_precio precio_(?:me|nos|le|les)_(?:hac|dej|d)\w+
        descuent\w+ rebaj\w+ me_dej\w+(?:_\w+){0,4}_(?:mas_barat\w+|por_menos)
        (?:ultimo|mejor)_precio precio_(?:amigo|de_amigo|especial)
        (?:bajar|bajarle|bajas|bajame)(?:_\w+){0,2}_(?:precio|algo|poco) por_menos(?!_de) cupon\w* yapa
        (?:esta|muy)_caro
        (?:hac(?:es|e|en|i|is|er|erme|eme)|haria[ns]?)_(?:\w+_)?(?:precio|precios|atencion|rebaja)
        atencioncita precio_por_(?:llevar|varios|cantidad|volumen|dos|tres|[0-9]+) lo_menos
    """,
    "wholesale": r"""
        (?:al_|por_)?mayor(?:ista\w*)?$ (?:al|por)_por_mayor por_mayor mayoristas? revend\w+ reventa
        distribuidor\w* para_(?:mi_)?(?:negocio|almacen|minimarket|empresa)
    """,
    "restock": r"""
        avis(?:ame|enme|eme|arme|an|as)(?:_cuando)? me_avis\w+
        cuando_(?:les_|te_)?(?:llega|llegan|vuelve|vuelven|va_a_haber|tendr\w+)(?!_(?:el_|la_|mi_)?(?:repartidor\w*|pedido|despacho|envio|delivery))
        (?:para|pa)_cuando
        cuando_(?:va|van|vas|vai)_a_(?:tener|haber|llegar|traer)
        (?:va|van)_a_(?:llegar|volver|traer|reponer) repon\w+ reserv[ae]\w*
    """,
    "work": r"""
        curriculum cv trabaj\w+_(?:con|para|en)_(?:ustedes|la_tienda)
        (?:buscan|necesitan|contratan)_(?:personal|gente|vendedor\w*) proveedor\w* colaboracion\w* canje
        influencer ofrecerles
    """,
    "invoices": r"factur\w+ boletas? rut_(?:de_)?empresa",
    "returns": r"""
        (?:sale|viene|fallara?)_(?:mal[oa]|fallad[oa]|defectuos[oa])s? si_(?:falla|no_funciona)
        si_se_(?:(?:me|le|nos)_)?(?:muer\w+|romp\w+|ech\w+|sec\w+|descos\w+|quiebr\w+|danan?|malogr\w+|pudr\w+)
        si_no_(?:me|le|les)_(?:queda|gusta|sirve|acomoda)n?
        devol\w+ devuelv\w+
        (?<![0-9]_)(?<!cuesta_)(?<!sale_)(?<!vale_)(?<!cobran_)(?<!cobran_por_)cambi(?:o|os|ar|arlo|arla|an)\b
        garanti\w+ reembols\w+ retracto arrepient\w+
    """,
    "payment": r"""
        pag[aou]\w*(?!_(?:la_)?diferencia) transferencias? transferir tarjetas? debito credito efectivo
        cuotas webpay
        junaeb sodexo edenred amipass tenpo paypal
        mercado_?pago redcompra khipu contra_entrega bitcoins? criptos? cheques? cuenta_rut
        datos_(?:de|para)_(?:transferencia|transferir|pago)
    """,
    "instalments": r"[0-9]{1,2}_(?:cuotas?|meses|pagos)",
    "hours": r"""
        (?:los_)?(?:alcanzo_a_|puedo_)?pill(?:o|ar|arlos)_(?:\w+_){0,2}(?:hoy|manana|lunes|martes|miercoles|jueves|viernes|sabado|domingo)
        el_(?:dia_)?[0-9]{1,2}_(?:\w+_){0,5}(?:trabaja[nr]|abren|abrir\w*|atiend\w+|atender|estan|estar\w*)
        alcanzo_a_(?:ir|pasar|llegar|pillar|comprar)\w*
        a_las_\w+(?:_y_\w+)?_(?:estan|atienden)
        (?:van_a_)?estar(?:an)?_(?:abiert\w+|atendiendo|el|hoy|manana)$
        (?:lunes|martes|miercoles|jueves|viernes|sabado|domingo|feriado|hoy|manana)_(?:\w+_){0,4}(?:van_a_estar|estaran|trabajan)
        hasta_cuando_(?:los_)?(?:pillo|encuentro|alcanzo|estan)
        horarios? a_que_horas? hasta_que_horas? desde_que_horas? (?:nochebuena|navidad|ano_nuevo)$
        (?:puedo|podria|podemos)_(?:ir|pasar)_(?:hoy|manana|el|los|ahora|a_las|tipo|mas)
        almorzar almuerzo$ abren? abiertos? abierta cierran? cerrad[oa]s? atienden
        atendiendo que_dias feriados?
        (?:los|el|este)_(?:domingo|sabado|lunes|martes|miercoles|jueves|viernes)s? abriran abriendo
    """,
    "address": r"""
        (?:donde|que_estacion|que_paradero)_(?:me_)?baj(?:o|ar|arme)
        direccion
        donde_(?:estan|quedan?|se_ubican|se_encuentran|es|son|esta|tienen|puedo_ir|los_encuentro|los_pillo)
        ubicad\w* ubicacion local locales tienda_(?:fisica|en) tienda$ sucursal\w* como_(?:llego|llegar)
        en_que_(?:\w+_)?(?:estan|esta|quedan?|parte|mall|calle|sector|piso)
        que_comuna (?:cerca_del?|estacion_de|del|al|que)_metro mapa estacionamiento\w* showroom presencial\w*
        online son_de
        ir_a_(?:ver|buscar|comprar|la_tienda) pasar_a_(?:ver|buscar)
    """,
    "delivery": r"""
        dej(?:an|ar|en|arlo|arla)(?:_\w+){0,4}_(?:casa|obra|departamento|depto|puerta)
        (?:cobran?|sale|cuesta|vale)_(?:por_|el_)?(?:llev|tra|mand|envi|dej)\w*[aei]r\w*
        puest[oa]s?_(?:alla|aca|en_(?:mi_)?(?:casa|obra|terreno|\w+$)) van_(?:a|hasta)_\w+_con
        despach\w* envi(?:o|os|an|as|a|ar|arian|ando|enme) delivery repart\w+
        (?:mandan|llevan|llegan)_(?:a|pa|para|hasta) starken chilexpress blue_?express bluexpress retir\w+
        mandar(?:me|lo|la)?(?!_(?:\w+_)?(?:fotos?|imagen\w*|videos?|catalogo|lista|info\w*|links?|datos))
        (?:pueden?|podrian?)_(?:traer|llevar|enviar)(?:me|lo|la|melo|mela)?
        cuant[oa]s?_(?:dias_|tiempo_)?(?:se_)?demora[ns]?_(?:en_llegar|a|el_(?:envio|despacho|pedido))
        (?:^|_)(?:mandan|despachan|envian|reparten)$
        a_regiones region(?:es)? domicilio flete entreg\w+ cuanto_(?:tarda|se_tarda)\w*
        cuanto_(?:rato|tiempo)_(?:se_)?(?:llega|demora)\w* cuant[oa]s_dias_(?:\w+_){0,2}lleg\w+
        cuant[oa]s_(?:dias|tiempo)_(?:estaria|(?:lo_|la_)?tendria|(?:lo_|la_)?recib\w+)
        cuando_(?:me_)?(?:llegaria|llega) llega(?:ria|n)?_(?:hoy|manana|altiro|el_mismo)
        (?:llev|tra)(?:ar|en|er|an|igan|arme|erme|arlo|erlo|emelo)(?:_\w+){0,4}_(?:casa|obra|departamento|depto)
    """,
    "compare": r"""
        (?:mas_)?a_cuenta me_(?:sale|conviene)_(?:mas|mejor)
        cual_(?:\w+_){0,3}(?:mejor|recom\w+|convien\w*|sirve) diferencia\w* compar\w+ versus
        vs cual_me_(?:recomiend\w+|conviene|llevo|compro) (?:el|la)_\w+_o_(?:el|la)_
    """,
    "attribute": r"""
        cuanto_(?:se_)?(?:demora|tarda|dura|rinde|mide|pesa)n?
        \w+_(?:es|son|esta|estan)_(?:de_)?\w+_o_(?:de_)?\w+
        aguant\w+ soport\w+ resist\w+ sirven?_(?:pa|para|en|con|de|a) trae traen incluyen? mide[ns]?
        pesan? dura[ns]? compatibles? viene[ns]?_con de_que_(?:es|esta|son|material|tamano|color|talla)
        funciona[ns]?_(?:con|en|pa|para) que_(?:medidas|tamano|talla|tallas|color|colores|capacidad)
        (?:y|de|que)_(?:tallas?|colores|color|medidas?|tamano|peso)(?=$|_(?:por|xfa|pls))
        cada_cuant[oa]s? cuantas_veces
        como_es mas_info\w* detalles caracteristicas describ\w+ cuentame
        es_(?:pa|para|inalambric[oa]|de|muy|fuerte|recargable|original)
        se_(?:puede[ns]?|pueden)_\w+ le_hac\w+_(?:mal|bien|dano)
        tiene_(?:garra|microfono|lector|luz|luces|cable)
        ^(?:y_|pero_)?(?:el|la|los|las)_\w+(?:_de_\w+)?_(?:tienen?|l[ae]s?_cabe|alcanzan?|necesitan?|rinden?|lleva)
        cuanto_(?!cuest|cost|sal|val|cobr|es|me|le|se|por|vend)\w+_(?:el|la|los|las|un|una)_\w+
        cuant[oa]s_(?!vale|sale|cuesta)\w+_\w+_(?:el|la|los|las)_\w+$
        cuant[oa]s_\w+_(?:tienen?|traen?|contienen?|vienen?)
        cuant[oa]s_(?:metros|kilos|gramos|litros|personas|porciones|watts|pulgadas|centimetros|piezas|horas)
        (?:que|cuales)_(?:numeros?|tallas|medidas)
    """,
    "cheapest": r"""
        no_sean?_(?:tan_|muy_)?car[oa]s? mas_(?:barat\w+|economic\w+|baj[oa]|conveniente) menor_precio
        (?:barat|economic)[oa]s?
        baratit[oa]s?
    """,
    "service": r"""
        hacen haces? (?<!con_que_)(?:me_|nos_|le_|les_|lo_|la_|se_)?(?:pueden?|puedes|podrian?|puedo)
        clases? cursos? mantencion(?:es)? reparacion(?:es)? instalacion(?:es)? asesorias? calibracion
        servicio_tecnico
        (?:guia|tabla)_de_\w+ hay_que (?:hay|tienen?)_donde se_hacen?
        celiac\w* alergic\w* diabetic\w* embarazad\w* vegan[oa]s?
        (?:hay|tienen?|cuentan_con)_(?:\w+_)?(?:wi_?fi|internet|banos?|mesas?|mesitas?|probador(?:es)?|rampa|ascensor)
    """,
    "process": r"""
        (?:necesito|quiero|pedir|tomar|agendar|sacar|hay|tienen)_(?:una_)?(?:hora|cita|turno)s?_(?:con|para|pa|al|de)
        con_cuant[oa]s?_(?:dias?|tiempo|anticipacion|horas) se_puede$
        hay_que_(?:pedir|encargar|reservar|abonar|agendar|inscribirse)
        mis?_\w+(?:_\w+)?_(?:me_)?l[oa]s?_(?:recib|compra|acept|toma)\w+
        (?:reciben|compran|aceptan|toman)_(?:mis?|\w+_usad[oa]s?)\b
    """,
    "quality": r"""
        (?<=[a-z]{2}_)(?:es|son|lleva|llevan|contiene|contienen|tiene|tienen|traen?|estan?_hech[oa]s?)_(?!muy_|tan_)(?:(?:un|una|algo|de|con|para|pa|apt[oa]s?|libres?)_)*(?!\w+_o_)
        ^(?:y_|pero_)?(?:es|son|lleva|llevan|contiene|contienen|esta_hech[oa])_(?!muy_|tan_)(?:(?:un|una|algo|de|con|para|pa|apt[oa]s?|libres?)_)*(?!\w+_o_)
    """,
    "sends": r"(?:mandan|despachan|envian|reparten)$",
    "added": r"""
        ^(?:y_)?cuanto_(?:\w+_){0,3}(?:con|mas|junto_con)_(?:el|la|los|las|un|una|otr[oa]|[0-9])
        ^(?:y_)?si_(?:le_)?(?:agrego|sumo|agregamos)_
    """,
    "its_cost": r"""
        ^(?:y_|eso_|pero_)*(?:(?:tiene|lleva)_(?:algun_)?(?:costo|valor|recargo)|(?:es|sale)_gratis|cuanto_(?:cuesta|vale|sale|cobran|es|seria))(?:_eso|_mas|_extra|_aparte)?$
    """,
    "how_many_of_it": r"""
        cuant[oa]s?_(?!tiempo|dias|horas|veces)(\w{3,20})(?:_[0-9]+)?_(?:tienen?|traen?|contienen?|lleva|llevan|aporta|tira|tiran|da|dan|alcanza|corre)
    """,
    "business": r"""
        (?:tengo|tenemos|soy_de|somos|para)_(?:un|una|mi|el|la|nuestro|nuestra)_(?:\w+_)?(?:negocio|almacen|minimarket|restaurant\w*|cafeteria|cafe|kiosko|quiosco|criadero|hotel|hostal|colegio|casino|taller|local|pyme|emprendimiento|tienda|escuela|academia|jardin|club|oficina|empresa|bazar|botilleria)
    """,
    "story": r"""
        ^(?:(?:hola|y|es_que|porque|oye|pasa_que)_)*(?:mis?|tengo(?!_que|_ganas)|tenemos|soy|somos|estoy|vivo|vivimos|peso|mido|yo|nunca|se_me)_
    """,
    "sells": r"""
        vende[ns]? vendi[s]? tiene[ns]? teni[s]? tendran? hay trabajan manejan
    """,
    "purpose": r"(?:algo|cosa|cosas|que)_(?:\w+_){0,3}(?:para|pa)_\w+[aei]r con_que_(?:puedo|se)",
    "thing": r"""
        (?:tiene[ns]?|teni[s]?|tendran?|hay|vende[ns]?|vendi[s]?|quiero|busco|necesito)_(?:un_|una_|unos_|unas_)?(?:cafe|cajas?|bolsas?|botellas?|rollos?|paquetes?|recuerdos?)$
    """,
    "both": r"(?:ambos|ambas) l[oa]s_(?:2|3|4|dos|tres|cuatro)(?=$|_junt|_en_total) tod[oa]_junto junt[oa]s$",
    "asked_thing": r"""
        (?:que|cual|cuales)_(\w{3,20}(?:_de_\w+)?)_(?:es|son|seria)_(?:la_|el_|las_|los_)?(?:mas|mejor|buen)\w*
        cuant[oa]s?_(?:\w+_){1,3}(?:el|la|los|las)_(\w{3,20}(?:_de_\w+)?)$
       
        (?:que|cual|cuales)_(\w{3,20}(?:_de_\w+)?)_(?:l[ae]s?|me|nos|te)_(?:sirv|qued|conv|recom|dari|dai|das|va|compr|llev)\w*
    """,
    "loose": r"suelt[oa]s? individual(?:es)? (?:por|x)_unidad de_a_un[oa]",
    "lists": r"""
        (?:que|cuales)_(\w+)_(?:tiene[ns]?|teni[s]?|hay|vende[ns]?|ofrecen|manejan|(?:te|les)_quedan?)$
    """,
    "some": r"algo alguna? algun cosas? para pa pal sin con",
    "anything": r"algo regal(?:o|ito)s? cosa cosita detalle",
    "its": r"""
        ^(?:(?:y|pero|ya|e)_)*(?:traen?|vienen?|incluyen?|aguant\w+|soport\w+|sirven?|miden?|pesan?|duran?)
        ^(?:(?:y|pero|ya|e)_)*(?:hasta_|de_)?(?:que|cuant[oa]s?)_(?:largo|ancho|alto|peso|capacidad|kilos|metros|gramos|litros|horas)
        ^(?:(?:y|pero|ya|e)_)*(?:funcionan?|es|son|de_que|que_(?:medidas?|tallas?|colores|tamano|color))
    """,
    "cheaper": r"""
        (?:algo|un[oa]|otr[oa]|nada)_mas_(?:barat|economic)[oa]
        mas_(?:barat|economic)[oa]s?_que(?!_(?:tiene|teng|hay|haya|vend|tengan))
    """,
    "size": r"""
        tallas?_(?:xs|s|m|l|xl|xxl|[0-9]{1,2}) (?:numero|nro)_[0-9]{1,2}
        (?<=s_)(?:3[3-9]|4[0-8])(?=$|_(?:hay|tienen?|tendran|quedan?|porfa))
    """,
    "most": r"""
        (?:el|la)_(grande|chic[oa]|chiquit[oa]|pequen[oa])$
        (?:el|la)_(grande|chic[oa]|chiquit[oa]|pequen[oa])_(?:cuant|que|trae|tiene|es)\w*
        (?:el|la|los|las|lo|cual|cuales|uno|una)_(?:(?:que_)?(?:es|son|sea|tiene|tienen|tenga|trae|traiga)_)?(?:el_|la_|lo_)?(?:de_)?mas_(grande|chic[oa]|pequen[oa]|larg[oa]|cort[oa]|alt[oa]|anch[oa]|pesad[oa]|livian[oa]|fuerte|potente|suave|luminos[oa]|capacidad|memoria|gigas|duracion|bateria|litros|kilos|metros)s?\b(?!_que)
        (?:cual|cuales|que_\w+)_(?:\w+_)?(dura|pesa|rinde)n?_mas
    """,
    "more": r"""
        (?:algo|un[oa]s?|otr[oa]s?|hay|tienen?|habra)_mas_(grande|chic[oa]|pequen[oa]|larg[oa]|cort[oa]|alt[oa]|anch[oa]|livian[oa]|fuerte|potente|suave|luminos[oa]|capacidad)s?$
        mas_(grande|chic[oa]|pequen[oa]|larg[oa]|cort[oa]|alt[oa]|anch[oa]|livian[oa]|fuerte|potente|suave|luminos[oa])s?_que_(?:es[ea]|est[ea]|el|la)
    """,
    "dearest": r"mas_car[oa]s? mejor_de_todos tope_de_linea",
    "no": r"""
        ^no(?=_(?!gracias)\w+[aeo]s\b) que_no_(?:sea|sean)_(?:de_)?
        (?:no|ya_no)_(?:(?:me_)?(?:quiero|kiero|busco|necesito|gustan?|interesan?|tomo|como)|mas) ^sin
        (?:no|ya_no)_(?:ando|estoy|andaba|estaba)_(?:buscando|viendo|mirando) no_(?:me_)?(?:muestr|ofrezc)\w+
        pero_no(?=_\w+[aeo]s\b) ^no_(?:a|con)(?=_\w+)
        (?:todo|lo_que_sea|cualquier\w*)_menos (?:excepto|salvo) ^no_(?:el|la|los|las)(?=_\w+(?:_de_\w+)?$)
        nada_de menos(?=_(?:el|la|los|las)_) que_no_(?:sea|sean|tenga) en_vez_de en_lugar_de
    """,
    "not_so": r"que_no_(?:sean?|tengan?|lleven?|vengan?|traigan?)_(?:de_|con_)?",
    "free": r"(?:sin|que_no_(?:tenga|lleve|contenga))_(\w{3,20})",
    "not_this": r"^no_(?:es[ea]|est[ea]|es[ao]s|quiero_es[ea]|es_es[ea])\b(?:_no\b)? es[ea]_no$",
    "another": r"""
        (?:que|cual|algun|alguna|tienen?|hay|tendran|busco|quiero|muestrame)_otr[oa]s?(?:_(?!cosa|vez|dia)\w+)*
    """,
    "but": r"_(?:pero|sino|mejor|quiero|prefiero|busco|dame|necesito)_",
    "for": r"_(?:para|pa|pal)_",
    "and": r"""
        _(?:y|e|con|mas(?=_(?:[0-9]|un|una|el|la|los|las|dos|tres|cuatro)\b)|tambien|junto_a|ademas_de)_(?:(?:un|una|unos|unas|el|la|los|las|otr[oa])_)?
        ,(?![0-9])_?
    """,
    "or": r"(?<!_para)(?<!_pra)(?<!_com)_(?:o|u|versus|vs|entre)_(?:el_|la_|los_|las_)?",
    "wish": r"_que_ _(?:para|pa)_(?=\w+[aei]r(?:me|l[aeo]s?)?_)",
}
