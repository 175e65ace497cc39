"""What contacts write to a shop, by language; all languages are understood wherever the shop is."""

from __future__ import annotations

import re
from collections.abc import Mapping

# Single words, folded. What is said around a wish is `chat`; what names nothing is `filler`.
_SPANISH_WORDS = {
    "greetings": """
        hola holaa holi holis holas ola wena wenas wenos buen buena buenas buenos alo saludos oye oiga
    """,
    "thanks": "gracias grax grx grasias agradecido agradecida agradezco agradecemos amable pasaste",
    "closings": """
        ok oka okey oki doki ya dale listo listoco super perfecto bacan genial no nada vale bien bueno joya
    """,
    "farewells": "chao chau chaito adios bye nos hasta cuidate",
    "chat": """
        estos estas esos esas aquello otra otro uno
        q vecino vecina estimado estimada estimados caballero senor senorita jefe jefa maestro mijo bro
        loco loca compa compadre amigo amiga amigos hermano hermana perro po poh pues que tal como estas
        estai esta va vamos anda andai onda mas dia dias tarde tardes noche noches wn weon todo todos bien
        muy y ya a la lo los por aca ahi te tu ti su usted ustedes igual muchas mucha mil super listo
        vemos luego pronto manana me voy eso es era no nada de el esa ese este vale se o un una pa para
        cual
    """,
    "price": """
        precio precios cuanto kuanto cuanta cuesta cuestan vale valen valor valores sale salen total
        serian saldria saldrian saldra costaria costarian costara valdria valdrian quedaria quedarian cobran
        cobras cobrarian
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
        living comedor pieza dormitorio cocina patio terraza oficina
        desde sobre rango under anything something above over
        hacer mandame mandenme envia enviame foto fotos imagen imagenes video fisico cada alcanza talla
        mi mis me le en se nos
        pueda puedan sea sean jugar usar uso regalarle regalarles diferencia diferencias conviene convienen
        deberia demora calentar entonces creo oiga serian otra otro aparte super buenisimo buen gran
        algo alguna alguno algunas algunos bonito bonita lindo linda rico rica bueno buena buenos original
        nuevo nueva nuevos urgente ahora hoy porfa porfis xfa favor porfavor necesito regalo regalar
        recomiendas recomienda recomendar recomendacion recomendarias aconsejas sugieres mejor mejores
        barato barata baratos baratas economico economica economicos caro cara sirve sirven serviria
        aguanta aguantan soporta soportan resiste trae traen incluye incluyen mide miden pesa pesan dura
        duran viene vienen funciona compatible compatibles tengas tengan tenga ustedes les quede queden
        todavia aun tipo clase estilo marca extra ademas solo sola solamente igual tambien podria podrias
        puede consulta pregunta saber informacion info cotizar duda total serian seria serviran casa ver
        mirar llevo encargo encargar pedir pido comprar komprar gustaria encantaria interesado interesada
        interesan interesa tal vez caleta harto poco mucho onda cachai bkn bacan filete quisiera ando
        buscando estaba vi foto instagram publicacion anuncio pagina anos cumpleanos cumple cosa cosas
        pase pasen supere superen xl xxl xs
        modelo modelos vieja viejo hijo hija nino nina senora pololo polola mama papa menos hasta entre
        maximo presupuesto lucas luca luquitas mil pesos plata tope alcanza rondando
    """,
}
_PORTUGUESE_WORDS = {
    "greetings": "oi ola opa bom boa boas eai",
    "thanks": "obrigado obrigada obg valeu brigado brigada agradeco",
    "closings": "ta beleza blz certo otimo perfeito nao",
    "farewells": "tchau ate falou abraco",
    "chat": """
        tudo bem voce voces dia tarde noite muito obrigado obrigada pela atencao ajuda e ate logo mais so
        por enquanto isso mesmo
    """,
    "price": "preco precos quanto custa custam valor sai saem",
    "stock": "estoque resta restam quantos quantas disponivel",
    "asking": "tem voces vendem vende quero queria gostaria procuro preciso comprar",
    "yes": "sim claro quero compro levo pode",
    "filler": """
        um uma uns umas algum alguma algo favor bonito barato melhor serve aguenta suporta para pra do
        da dos das com o os meu minha voces vocês tem teria ai esse essa qual e de em no na ser mais menos
        ate reais quero queria gostaria procuro preciso comprar quanto custa
    """,
}
_ENGLISH_WORDS = {
    "greetings": "hey hello hi morning afternoon evening",
    "thanks": "thanks thank thx ty cheers appreciated",
    "closings": "okay great cool perfect fine sure no nothing",
    "farewells": "goodbye bye later",
    "chat": """
        good you very much so are how there is it all that day just for the your help see have a nice well
        doing going looking browsing
    """,
    "price": "price prices cost costs much",
    "stock": "stock left available",
    "asking": "have sell want need buy looking got",
    "yes": "yes yeah yep sure want take buy it",
    "filler": """
        do you i a an the any some is are there have sell want need buy looking for got of to with my me
        please what which how much many does it this that cheap cheapest best would like can could get one
        ones or and under less than up
    """,
}

# Expressions, matched in a clause of folded words with single spaces between them; a `_` is a space.
_SPANISH = {
    "leaves": r"""
        quedo_atent[oa] (?:ja|je|ji|jk)(?:ja|je|ji|jk)\w*
        (?:solo|solamente)_(?:estaba_|estoy_|andaba_)?(?:mira\w*|vitrine\w*|cotiz\w*|pregunt\w*|ve[ri]\w*)
        por_ahora_no no_por_ahora lo_voy_a_pensar lo_pienso despues_(?:te_|les_)?(?:hablo|escribo|aviso)
        (?:solo|solamente)?_?(?:estaba|andaba|ando|estoy)_(?:mirando|vitrineando|cotizando|preguntando|viendo)
        (?:despues|luego|mas_tarde|manana)_(?:vuelvo|paso|voy|compro|vengo|escribo|hablamos)
        (?:le|les|te|lo|la)_(?:confirmo|comento|cuento|converso|consulto|pregunto)
        ^(?:\w+_){0,4}(?:ahi_|entonces_)?(?:paso|pasamos|pasare|voy)_(?:el|manana|mas|luego|hoy|en_la|a_la|por_alla)
        (?:eso|nada)_(?:seria|mas|era)(?:_todo)? te_aviso les?_aviso mas_rato
        lo_(?:converso|consulto|hablo|veo|pienso)(?:_con)?
    """,
    "greeting": r"""
        como_(?:va|vamos|estas?|estai|estan|andas?|andai|te_va|les_va|amaneci\w*)
        (?:que|q|k)_(?:tal|onda|hubo)
        estas?_ahi hay_alguien me_(?:puedes?|pueden|podrias?)_ayudar
        (?:disculp[ae]|disculpen|perdon)_(?:la|las|el|que)_(?:\w+_)?(?:molest\w+|horas?|demora)
        ^(?:disculp[ae]|perdon)$
        una_(?:consulta|consultita|preguntita|pregunta|dudita|duda)
        no_(?:te_)?entiend\w+
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
        me_lleg(?:o|aron)(?:_\w+){0,4}_otr[oa]s?
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
        (?:encontr\w+|salio|venia|traia)(?:_\w+){0,2}_(?:pelos?|bichos?|insectos?|moscas?|gusanos?|hongos|moho|vidrios?)
        no_(?:me_)?(?:funciona|prende|enciende|sirvio|anda|carga)(?:_\w+)?$ dejo_de_(?:funcionar|prender)
        devuelv\w+_(?:la|mi)_(?:plata|platita|dinero) (?:quiero|necesito)_(?:mi|la)_(?:plata|dinero)
       
        me_(?:cobraron|enganaron|mandaron|enviaron|entregaron|dieron|pasaron)_(?:\w+_){0,4}(?:mal|otr[oa]|de_mas|doble|dos_veces|equivocad[oa])
        (?:mala|pesima|pesimo)_(?:atencion|servicio|calidad) me_hizo_mal me_falt[oa]\w* llego_otr[oa]
        no_era_lo_que
    """,
    "broken": r"se_(?:(?:me|le|nos)_)?(?:rompio|quebro|echo_a_perder|murio|descosio|solto|cayo|pincho)",
    "order": r"""
        mi_(?:pedido|compra|orden|paquete|encargo|envio|despacho) en_que_va seguimiento tracking ya_pague
        (?:el|mi)_numero_de_(?:pedido|orden) (?:no|aun|todavia)_(?:no_)?(?:me_)?(?:ha_)?lleg(?:a|o|ado)\b
        hice_(?:una|un|la|el)_(?:compra|transferencia|pedido|pago)
       
        (?:compre|pague|pedi|encargue)_(?:\w+_){0,3}(?:ayer|semana|lunes|martes|miercoles|jueves|viernes|sabado|domingo|hace|dias)
        ya_(?:compre|transferi|hice) (?:anular|cancelar)_(?:mi|el|la|un)_(?:pedido|compra)
        que_(?:me_|le_|les_|nos_)?(?:compre|pedi|encargue|compramos|pedimos|encargamos|vendieron|mandaron)
        (?:hoy|ayer|manana)_(?:me_)?(?:salia|llegaba) mi_encomienda
        nunca_(?:me_|le_|nos_)?(?:lleg|recib|entreg)\w+ no_(?:he_|ha_|hemos_)?recibi\w*
        lo_que_(?:compre|pedi) pedido_(?:numero|n|nro|\d)
    """,
    "haggling": r"""
        me_l[oa]s?_(?:\w+_)?dej\w+ d[ei]j(?:e|a|en|ai)(?:me|nos)l?[oa]?s?(?:_\w+){0,4}_(?:en|a|por)_[0-9]+
        me_dej(?:a|as|ai|an|aria|arias)_(?:\w+_){0,4}(?:en|a|por)_[0-9]+
        (?:otro|mejor|buen)_precio precio_(?:me|nos|le|les)_(?:hac|dej|d)\w+
        descuent\w+ rebaj\w+ me_l[oa]s?_dej\w+ me_dej\w+(?:_\w+){0,4}_(?:mas_barat\w+|por_menos)
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
        cuando_(?:les_|te_)?(?:llega|llegan|vuelve|vuelven|va_a_haber|tendr\w+)
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
        devol\w+ devuelv\w+ cambi(?:o|os|ar|arlo|arla|an)\b garanti\w+ reembols\w+ retracto arrepient\w+
    """,
    "payment": r"""
        pag[aou]\w* transferencias? transferir tarjetas? debito credito efectivo cuotas webpay
        junaeb sodexo edenred amipass tenpo paypal
        mercado_?pago redcompra khipu contra_entrega bitcoins? criptos? cheques? cuenta_rut
        datos_(?:de|para)_(?:transferencia|transferir|pago)
    """,
    "hours": r"""
        horarios? a_que_horas? hasta_que_horas? desde_que_horas? (?:nochebuena|navidad|ano_nuevo)$
        (?:puedo|podria|podemos)_(?:ir|pasar)_(?:hoy|manana|el|los|ahora|a_las|tipo|mas)
        almorzar almuerzo$ abren? abiertos? abierta cierran? cerrad[oa]s? atienden
        atendiendo que_dias feriados?
        (?:los|el|este)_(?:domingo|sabado|lunes|martes|miercoles|jueves|viernes)s? abriran abriendo
    """,
    "address": r"""
        direccion
        donde_(?:estan|quedan?|se_ubican|se_encuentran|es|son|esta|tienen|puedo_ir|los_encuentro|los_pillo)
        ubicad\w* ubicacion local locales tienda_(?:fisica|en) tienda$ sucursal\w* como_(?:llego|llegar)
        en_que_(?:\w+_)?(?:estan|esta|quedan?|parte|mall|calle|sector|piso)
        que_comuna (?:cerca_del?|estacion_de|del|al|que)_metro mapa estacionamiento\w* showroom presencial\w*
        online son_de
        ir_a_(?:ver|buscar|comprar|la_tienda) pasar_a_(?:ver|buscar)
    """,
    "delivery": r"""
        despach\w* envi(?:o|os|an|as|a|ar|arian|ando|enme) delivery repart\w+
        (?:mandan|llevan|llegan)_(?:a|pa|para|hasta) starken chilexpress blue_?express bluexpress retir\w+
        mandar(?:me|lo|la)? (?:pueden?|podrian?)_(?:traer|llevar|enviar)(?:me|lo|la|melo|mela)?
        cuant[oa]s?_(?:dias_|tiempo_)?(?:se_)?demora[ns]?_(?:en_llegar|a|el_(?:envio|despacho|pedido))
        a_regiones region(?:es)? domicilio flete entreg\w+ cuanto_(?:tarda|se_tarda)\w*
        cuando_(?:me_)?(?:llegaria|llega) llega(?:ria|n)?_(?:hoy|manana|altiro|el_mismo)
        (?:llev|tra)(?:ar|en|er|an|igan|arme|erme|arlo|erlo|emelo)(?:_\w+){0,4}_(?:casa|obra|departamento|depto)
    """,
    "compare": r"""
        cual_(?:\w+_){0,3}(?:mejor|recom\w+|convien\w*|sirve) diferencia\w* compar\w+ versus
        vs cual_me_(?:recomiend\w+|conviene|llevo|compro) (?:el|la)_\w+_o_(?:el|la)_
    """,
    "attribute": r"""
        aguant\w+ soport\w+ resist\w+ sirven?_(?:pa|para|en|con|de|a) trae traen incluyen? mide[ns]?
        pesan? dura[ns]? compatibles? viene[ns]?_con de_que_(?:es|esta|son|material|tamano|color|talla)
        funciona[ns]?_(?:con|en|pa|para) que_(?:medidas|tamano|talla|tallas|color|colores|capacidad)
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
        mas_(?:barat\w+|economic\w+|baj[oa]|conveniente) menor_precio (?:barat|economic)[oa]s?
        baratit[oa]s?
    """,
    "service": r"""
        hacen haces? (?<!con_que_)(?:me_|nos_|le_|les_|lo_|la_|se_)?(?:pueden?|puedes|podrian?|puedo)
        (?:guia|tabla)_de_\w+ hay_que (?:hay|tienen?)_donde se_hacen?
        celiac\w* alergic\w* diabetic\w* embarazad\w* vegan[oa]s?
        (?:hay|tienen?|cuentan_con)_(?:\w+_)?(?:wi_?fi|internet|banos?|mesas?|mesitas?|probador(?:es)?|rampa|ascensor)
    """,
    "process": r"""
        con_cuant[oa]s?_(?:dias?|tiempo|anticipacion|horas) se_puede$
        hay_que_(?:pedir|encargar|reservar|abonar|agendar|inscribirse)
    """,
    "sells": r"""
        vende[ns]? vendi[s]? tiene[ns]? teni[s]? tendran? hay trabajan manejan
    """,
    "purpose": r"(?:algo|cosa|cosas|que)_(?:\w+_){0,3}(?:para|pa)_\w+[aei]r con_que_(?:puedo|se)",
    "some": r"algo alguna? algun cosas? para pa pal sin con",
    "anything": r"algo regal(?:o|ito) cosa cosita detalle",
    "its": r"""
        ^(?:(?:y|pero|ya|e)_)*(?:traen?|vienen?|incluyen?|aguant\w+|soport\w+|sirven?|miden?|pesan?|duran?)
        ^(?:(?:y|pero|ya|e)_)*(?:funcionan?|es|son|de_que|que_(?:medidas?|tallas?|colores|tamano|color))
    """,
    "cheaper": r"(?:algo|un[oa]|otr[oa]|nada)_mas_(?:barat|economic)[oa] mas_(?:barat|economic)[oa]s?_que",
    "size": r"tallas?_(?:xs|s|m|l|xl|xxl|[0-9]{1,2}) (?:numero|nro)_[0-9]{1,2} (?<=s_)(?:3[3-9]|4[0-8])$",
    "dearest": r"mas_car[oa]s? mejor_de_todos tope_de_linea",
    "no": r"""
        ^no(?=_(?!gracias)\w+[aeo]s\b) que_no_(?:sea|sean)_(?:de_)?
        (?:no|ya_no)_(?:(?:me_)?(?:quiero|kiero|busco|necesito|gustan?|interesan?|tomo|como)|mas) ^sin
        pero_no(?=_\w+[aeo]s\b)
        nada_de menos(?=_(?:el|la|los|las)_) que_no_(?:sea|sean|tenga) en_vez_de en_lugar_de
    """,
    "but": r"_(?:pero|sino|mejor|quiero|prefiero|busco|dame|necesito)_",
    "for": r"_(?:para|pa|pal)_",
    "and": r"""
        _(?:y|e|con|mas|tambien|junto_a|ademas_de)_(?:(?:un|una|unos|unas|el|la|los|las|otr[oa])_)? ,_?
    """,
    "or": r"_(?:o|u|versus|vs|entre)_(?:el_|la_|los_|las_)?",
    "wish": r"_que_ _(?:para|pa)_(?=\w+[aei]r(?:me|l[aeo]s?)?_)",
}
_PORTUGUESE = {
    "leaves": r"""
        so_(?:estava_|estou_)?olhando vou_pensar por_enquanto_(?:e_)?so depois_eu_(?:falo|volto)
    """,
    "greeting": r"tudo_(?:bem|bom|certo) como_vai bo[am]_(?:dia|tarde|noite) pode_me_ajudar",
    "catalogue": r"""
        catalogo cardapio lista_de_precos (?:o_)?que_(?:voces_|vcs_)?(?:tem|vendem|oferecem)$
        quais_produtos
    """,
    "who": r"quem_e_voce com_quem_(?:eu_)?falo voce_e_(?:um_)?(?:robo|bot)",
    "insult": r"ladroes golpistas? merda idiotas? lixo caloteir\w+",
    "complaint": r"""
        reclam\w+ chegou_(?:\w+_){0,3}(?:quebrad|errad|danificad|aberto|estragad)\w* nao_funciona$
        veio_(?:\w+_)?(?:quebrad|errad|estragad)\w* meu_dinheiro (?:quero|meu|o)_reembolso procon pessimo
    """,
    "broken": r"quebrou parou_de_funcionar",
    "order": r"""
        meu_(?:pedido|pacote) minha_(?:compra|encomenda) rastre\w+ ainda_nao_chegou nao_chegou ja_paguei
    """,
    "haggling": r"descont\w+ faz_por abatimento mais_em_conta esta_caro ta_caro",
    "wholesale": r"atacado revend\w+ no_atacado",
    "restock": r"quando_(?:chega|volta|vai_ter|tera) me_avis\w+",
    "work": r"vaga_de_emprego trabalhar_com_voces fornecedor\w*",
    "invoices": r"nota_fiscal notas?_fiscais cnpj",
    "returns": r"troc(?:a|as|ar) devol\w+ garantia",
    "payment": r"pag(?:o|amento|amentos|ar) pix cartao cartoes boleto dinheiro parcel\w+",
    "hours": r"""
        que_horas horarios? abrem? aberto fecham? fechado atendem domingos? sabados? feriados?
    """,
    "address": r"""
        endereco onde_(?:fica|ficam|voces_ficam|e_a_loja) loja_fisica localizacao como_chego
    """,
    "delivery": r"entreg\w+ fretes? enviam envio mandam_(?:para|pra) retirada retirar",
    "compare": r"qual_(?:e_)?(?:o_|a_)?melhor qual_(?:voce_)?recomend\w+ diferenca",
    "attribute": r"""
        aguenta\w* suporta\w* serve_(?:para|pra) vem_com compativ\w+ de_que_(?:e|material) mais_detalhes
    """,
    "cheapest": r"mais_barat[oa]s? mais_em_conta menor_preco",
    "service": r"fazem voces_podem posso da_para",
    "process": r"com_quant[oa]s?_(?:dias?|tempo|antecedencia)",
    "sells": r"tem vendem?",
    "purpose": r"algo_(?:\w+_){0,3}(?:para|pra)_\w+[aei]r",
    "some": r"algo alguma? algum coisas? para pra sem com",
    "anything": r"algo presente coisa",
    "its": r"^(?:e_)?(?:vem|serve|aguenta|suporta|mede|pesa|dura)",
    "cheaper": r"(?:algo|algum|outro)_mais_barato mais_barat[oa]s?_(?:do_)?que",
    "size": r"tamanho_(?:pp|p|m|g|gg)",
    "dearest": r"mais_car[oa]s?",
    "no": r"nao_(?:quero|preciso|gosto)(?:_de)? ^sem",
    "but": r"_(?:mas|quero|prefiro)_",
    "for": r"_(?:para|pra)_",
    "and": r"_(?:e|com|mais)_(?:(?:um|uma|o|a)_)?",
    "or": r"_ou_(?:o_|a_)?",
    "wish": r"_que_ _(?:para|pra)_(?=\w+[aei]r_)",
}
_ENGLISH = {
    "leaves": r"just_(?:looking|browsing) i_ll_think that_s_all not_now maybe_later",
    "greeting": r"""
        how_are_you how_is_it_going what_s_up good_(?:morning|afternoon|evening) are_you_there
        can_you_help_me
    """,
    "catalogue": r"""
        catalog(?:ue)? what_do_you_(?:have|sell|offer)$ (?:price|product)_list
        what_(?:products|else)_do_you_(?:have|sell)
    """,
    "who": r"""
        who_are_you are_you_(?:a_)?(?:bot|robot|human|real) who_am_i_(?:talking|speaking)_(?:to|with)
    """,
    "insult": r"thieves scammers? idiots? shit bastards? assholes? useless",
    "complaint": r"""
        complain\w* (?:arrived|came|is|was)_(?:\w+_)?(?:broken|damaged|wrong|expired|torn) does_?n_t_work
        not_working money_back refund_me terrible awful
    """,
    "broken": r"it_broke stopped_working",
    "order": r"""
        my_(?:order|package|parcel|purchase) track\w* has_?n_t_arrived not_arrived already_paid
    """,
    "haggling": r"discounts? cheaper_price best_price lower_(?:the_)?price coupons? too_expensive",
    "wholesale": r"wholesale resell\w* in_bulk",
    "restock": r"back_in_stock when_will_you_have let_me_know_when notify_me",
    "work": r"job_openings? work_for_you are_you_hiring supplier",
    "invoices": r"invoices? receipts?",
    "returns": r"return(?:s|ing)? exchange warranty guarantee refunds?",
    "payment": r"""
        pay(?:ment|ments|ing)? credit_cards? debit cash bank_transfer paypal instal?lments?
    """,
    "hours": r"""
        opening_hours hours what_time open opens? clos(?:e|ed|es) sundays? saturdays? holidays?
    """,
    "address": r"""
        address where_are_you where_is_(?:your|the)_(?:shop|store) physical_store location located
        directions
    """,
    "delivery": r"deliver\w* shipping ship_(?:to|it) ships? pick_?up",
    "compare": r"which_(?:one_)?(?:is_better|do_you_recommend|should_i) difference compare",
    "attribute": r"""
        does_it_(?:come|work|hold|fit|include|have) compatible what_size made_of more_(?:info|details)
        hold holds tell_me_(?:more_)?about
    """,
    "cheapest": r"cheapest cheap lowest_price",
    "service": r"can_(?:you|i) could_you do_you_(?:do|make|offer)",
    "process": r"how_(?:many_days|long|far)_(?:before|in_advance|ahead)",
    "sells": r"have sell",
    "purpose": r"something_(?:for|to)_\w+",
    "some": r"something anything for with without",
    "anything": r"something gift present",
    "its": r"^(?:and_)?(?:does_it|is_it|what_size)",
    "cheaper": r"(?:something|anything|one)_cheaper cheaper_than",
    "size": r"size_(?:xs|s|m|l|xl|xxl)",
    "dearest": r"most_expensive",
    "no": r"(?:i_)?(?:don_t|do_not|dont)_(?:want|need|like) ^without no_more",
    "but": r"_(?:but|want|prefer)_",
    "for": r"_for_",
    "and": r"_(?:and|with|plus)_(?:(?:a|an|the)_)?",
    "or": r"_or_(?:the_|a_)?",
    "wish": r"_that_ _which_ _to_",
}


# As it is typed in haste, and as it is written; numbers past ten, as they are said.
HASTY = {
    "q": "que", "k": "que", "ke": "que", "xq": "porque", "pq": "porque", "xk": "porque", "d": "de",
    "dnd": "donde", "aonde": "donde", "kuando": "cuando", "cdo": "cuando",
    "tb": "tambien", "tbn": "tambien", "tmb": "tambien", "tambn": "tambien", "kiero": "quiero",
    "ntonces": "entonces", "toy": "estoy",
    "doce": "12", "quince": "15", "dieciseis": "16", "dieciocho": "18", "veinte": "20", "veinticinco": "25",
    "ventiseis": "26", "veintiseis": "26", "veintinueve": "29", "treinta": "30", "cuarenta": "40",
    "cincuenta": "50",
}  # fmt: skip


def words_of(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


def _said(kind: str) -> frozenset[str]:
    return words_of(" ".join(each[kind] for each in (_SPANISH_WORDS, _PORTUGUESE_WORDS, _ENGLISH_WORDS)))


def _any(kind: str) -> str:
    """One of the expressions of that name, in any language."""
    listed = " ".join(each[kind] for each in (_SPANISH, _PORTUGUESE, _ENGLISH))
    return "|".join(listed.split()).replace("_", " ")


WORDS: Mapping[str, frozenset[str]] = {kind: _said(kind) for kind in _SPANISH_WORDS}
_BETWEEN = ("and", "or", "but", "for", "wish")  # these have their own spaces at both ends
PATTERNS: Mapping[str, re.Pattern[str]] = {
    kind: re.compile(_any(kind) if kind in _BETWEEN else rf"\b(?:{_any(kind)})\b") for kind in _SPANISH
}
NUMBERS = {
    "un": 1, "una": 1, "uno": 1, "um": 1, "uma": 1, "one": 1, "dos": 2, "dois": 2, "duas": 2, "two": 2,
    "par": 2,
    "tres": 3, "three": 3, "cuatro": 4, "quatro": 4, "four": 4, "cinco": 5, "five": 5, "seis": 6, "six": 6,
    "siete": 7, "sete": 7, "ocho": 8, "oito": 8, "nueve": 9, "nove": 9, "diez": 10, "dez": 10, "ten": 10,
    "docena": 12, "duzia": 12, "dozen": 12, "quince": 15, "veinte": 20, "vinte": 20, "twenty": 20,
    "treinta": 30, "cuarenta": 40, "cincuenta": 50, "cien": 100, "fifty": 50,
}  # fmt: skip
ORDINALS = {
    "primero": 0, "primera": 0, "primer": 0, "primeiro": 0, "primeira": 0, "first": 0,
    "segundo": 1, "segunda": 1, "second": 1, "tercero": 2, "tercera": 2, "tercer": 2, "terceiro": 2,
    "third": 2,
    "cuarto": 3, "cuarta": 3, "quarto": 3, "fourth": 3, "quinto": 4, "quinta": 4, "fifth": 4, "sexto": 5,
    "ultimo": -1, "ultima": -1, "last": -1,
}  # fmt: skip
DAYS = words_of("""
    domingo sabado lune marte miercole jueve vierne segunda terca quarta quinta sexta
    sunday saturday monday tuesday wednesday thursday friday
""")
